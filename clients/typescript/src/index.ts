/** The client of Tidings: post events, look at deliveries, verify what arrives. */
export { type EventToPost, type FieldProblem, type Options, ProblemError, type Schemas, Tidings } from "./client.js";
export type { components, operations, paths } from "./generated.js";
export {
  type HeadersLike,
  type Reason,
  VerificationError,
  Verifier,
  type VerifierOptions,
  type Webhook,
} from "./webhooks.js";
