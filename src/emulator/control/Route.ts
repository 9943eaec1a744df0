import type { EmulatorServer } from "../EmulatorServer.ts"

export class BadRequest extends Error {}

export interface Call {
  readonly server: EmulatorServer
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
}

export type Route = readonly [method: string, path: string, handle: (call: Call) => unknown]

export const textIf = (body: Readonly<Record<string, unknown>>, name: string): string | undefined => {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== "string") throw new BadRequest(`${name} must be a string`)
  return value
}

export const text = (body: Readonly<Record<string, unknown>>, name: string): string => {
  const value = textIf(body, name)
  if (value === undefined || value === "") throw new BadRequest(`${name} is missing`)
  return value
}

export const flagIf = (body: Readonly<Record<string, unknown>>, name: string): boolean | undefined => {
  const value = body[name]
  if (value === undefined || typeof value === "boolean") return value
  throw new BadRequest(`${name} must be true or false`)
}

export const numberIf = (body: Readonly<Record<string, unknown>>, name: string): number | undefined => {
  const value = body[name]
  if (value === undefined || typeof value === "number") return value
  throw new BadRequest(`${name} must be a number`)
}

export const texts = (body: Readonly<Record<string, unknown>>, name: string): ReadonlyArray<string> => {
  const value = body[name]
  if (!Array.isArray(value)) throw new BadRequest(`${name} must be a list of strings`)
  return value.map((each: unknown) => {
    if (typeof each !== "string") throw new BadRequest(`${name} must be a list of strings`)
    return each
  })
}
