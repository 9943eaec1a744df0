/** As WhatsApp writes it: what is not there is left out, null or empty. */
export type Loose<T> = { readonly [K in keyof T]?: T[K] | null | undefined }
type Some<T> = { readonly [K in keyof T]?: NonNullable<T[K]> }

/** Without what is not there. */
export const some = <T extends object>(loose: T): Some<T> =>
  Object.fromEntries(Object.entries(loose).filter(([, value]) => value !== undefined && value !== null && value !== "")) as Some<T>
