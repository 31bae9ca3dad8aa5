/**
 * For receivers: is this request from Tidings, unchanged and recent?
 *
 * A request carries two signatures with one secret, and both are checked over the bytes as they came: `vomo-signature`
 * (hex HMAC-SHA256 of the body) and `webhook-signature` of the Standard Webhooks (which also covers the id and the time).
 * Comparing takes the same time whatever is compared.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Why a request is refused. */
export type Reason = "missing_header" | "timestamp" | "standard_signature" | "vomo_signature";

/** The request must not be believed: answer 401. */
export class VerificationError extends Error {
  override readonly name = "VerificationError";

  constructor(
    readonly reason: Reason,
    message: string,
  ) {
    super(message);
  }
}

/** A request that was verified. */
export interface Webhook {
  /** The delivery's id: the same again is the same delivery. */
  id: string;
  /** Seconds since 1970, of this try. */
  timestamp: number;
  /** The type, as in `project.updated` or `project.public.updated`. */
  type: string;
  /** The organization that the webhook is sent to. */
  organization_id: number;
  /** The object. Numbers beyond 2^53 lose digits here; `body` has them. */
  data: Record<string, unknown>;
  /** The bytes that were signed. */
  body: Buffer;
}

export interface VerifierOptions {
  /** How far `webhook-timestamp` may be from now; 300 unless said otherwise. */
  toleranceSeconds?: number;
  /** The instance's name for the plain signature; `vomo-signature` unless the operator set another. */
  signatureHeader?: string;
}

/** The headers of a request: node's own, a `Headers`, or any object with lower-case names. */
export type HeadersLike = Headers | Record<string, string | string[] | undefined>;

function mac(key: Buffer, ...message: (Buffer | string)[]): Buffer {
  const made = createHmac("sha256", key);
  for (const part of message) made.update(part);
  return made.digest();
}

/** What follows `whsec_`, decoded; any other secret as it is. */
function standardKey(secret: string): Buffer {
  const text = secret.startsWith("whsec_") ? secret.slice(6) : "";
  const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  return text !== "" && canonical.test(text) ? Buffer.from(text, "base64") : Buffer.from(secret);
}

function anyEqual(given: Buffer[], wanted: Buffer[]): boolean {
  let found = false;
  for (const one of given) {
    for (const other of wanted) {
      if (one.length === other.length && timingSafeEqual(one, other)) found = true;
    }
  }
  return found;
}

/** Verifies requests with the secrets in force: while a rotation runs, give the new and the old one. */
export class Verifier {
  readonly #keys: Buffer[];
  readonly #standardKeys: Buffer[];
  readonly #tolerance: number;
  readonly #signatureHeader: string;

  constructor(secrets: string | readonly string[], options: VerifierOptions = {}) {
    const given = typeof secrets === "string" ? [secrets] : secrets;
    if (given.length === 0 || given.includes("")) throw new TypeError("at least one secret, none of them empty");
    this.#keys = given.map((secret) => Buffer.from(secret));
    this.#standardKeys = given.map(standardKey);
    this.#tolerance = options.toleranceSeconds ?? 300;
    this.#signatureHeader = (options.signatureHeader ?? "vomo-signature").toLowerCase();
  }

  /** The webhook, or a thrown `VerificationError`. `body` is the request's body before any parsing. */
  verify(headers: HeadersLike, body: Uint8Array | string, now: Date = new Date()): Webhook {
    const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.length);
    const header = (name: string): string => {
      const value = headers instanceof Headers ? headers.get(name) : headers[name];
      if (typeof value !== "string" || value === "") throw new VerificationError("missing_header", `no header ${name}`);
      return value;
    };
    const vomo = header(this.#signatureHeader);
    const id = header("webhook-id");
    const stamp = header("webhook-timestamp");
    const signatures = header("webhook-signature");
    if (!/^[0-9]{1,12}$/.test(stamp)) {
      throw new VerificationError("timestamp", "webhook-timestamp is no number of seconds");
    }
    if (Math.abs(now.getTime() / 1000 - Number(stamp)) > this.#tolerance) {
      throw new VerificationError("timestamp", `older or newer than ${this.#tolerance} seconds`);
    }
    const standard = this.#standardKeys.map((key) =>
      Buffer.from(`v1,${mac(key, `${id}.${stamp}.`, bytes).toString("base64")}`),
    );
    const given = signatures.split(" ").map((signature) => Buffer.from(signature));
    if (!anyEqual(given, standard)) {
      throw new VerificationError("standard_signature", "webhook-signature is of another secret, id, time or body");
    }
    const plain = this.#keys.map((key) => Buffer.from(mac(key, bytes).toString("hex")));
    if (!anyEqual([Buffer.from(vomo)], plain)) {
      throw new VerificationError("vomo_signature", `${this.#signatureHeader} is of another secret or body`);
    }
    const content = JSON.parse(bytes.toString("utf8")) as Pick<Webhook, "type" | "organization_id" | "data">;
    const { type, organization_id, data } = content;
    return { id, timestamp: Number(stamp), type, organization_id, data, body: bytes };
  }
}
