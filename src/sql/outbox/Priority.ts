/** Interactive sends overtake scheduled ones, which overtake bulk. */
export const Priority = { interactive: 0, scheduled: 10, bulk: 20 } as const
