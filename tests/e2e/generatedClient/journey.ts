import { Api } from "./client.ts"

export interface Given {
  readonly url: string
  readonly email: string
  readonly password: string
  readonly friend: string
  /** what the phone does that is to be linked */
  readonly scan: (qr: string) => Promise<void>
}

/** What a company's program does, written against nothing but the client that was generated from the OpenAPI document. */
export const journey = async ({ email, friend, password, scan, url }: Given) => {
  const client = new Api<string>({
    baseUrl: url,
    securityWorker: (token) => (token === null ? {} : { headers: { authorization: `Bearer ${token}` } })
  })
  const login = await client.api.authLogin({ email, password })
  client.setSecurityData(login.data.data.token)

  const { deviceId, status: first } = (await client.api.devicesCreate({ deviceName: "Kasir" })).data.data
  await client.api.deviceConnect(deviceId)
  const { qr } = (await client.api.pairingQr(deviceId)).data.data
  await scan(qr)
  const deadline = Date.now() + 60_000
  let paired = (await client.api.deviceStatus(deviceId)).data.data
  while (paired.status !== "connected" && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    paired = (await client.api.deviceStatus(deviceId)).data.data
  }

  const sent = (await client.api.messagingSendMessage(deviceId, { phone: friend, message: "Halo dari klien" }, { wait: "sent", timeout: 30 })).data.data
  const group = (await client.api.groupsCreate(deviceId, { name: "Pelanggan", participants: [friend] })).data.data
  const inGroup = (await client.api.groupMessagesSendGroupMessage(deviceId, { groupId: group.groupId, message: "Halo semua" })).data.data
  const chat = (await client.api.historyChatHistory(deviceId, friend, { limit: 10 })).data.data
  const groupChat = (await client.api.historyGroupChatHistory(deviceId, group.groupId)).data.data
  const picture = new File([new Uint8Array(2000).fill(7)], "catatan.bin")
  const file = (await client.api.mediaUploadMedia(deviceId, { file: picture })).data.data

  // a refusal comes as the error that the document declares
  const refusal = await client.api.deviceGet("no-such-device").then(
    () => undefined,
    (answer: Awaited<ReturnType<typeof client.api.deviceGet>>) => ({ status: answer.status, code: answer.error.error.code })
  )
  return {
    first,
    paired: paired.status,
    sent: sent.status,
    group: { name: group.name, results: group.results.map(({ jid, status }) => `${jid} ${status}`) },
    inGroup: inGroup.status,
    chat: chat.items.map(({ content, direction, messageType }) => ({ content, direction, messageType })),
    groupChat: groupChat.items.map(({ content }) => content),
    file: { size: file.size, fileName: file.fileName },
    refusal
  }
}
