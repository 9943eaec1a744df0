import { EventType } from "../../domain/ServiceEvent.ts"

/** `*` is every type, `message.*` every type that begins so; others are a type's own name. */
export const matches = (pattern: string, type: string): boolean =>
  pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type

/** Whether there is any type that it means. */
export const meansSomething = (pattern: string): boolean => EventType.literals.some((type) => matches(pattern, type))
