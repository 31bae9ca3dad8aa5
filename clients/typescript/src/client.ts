/**
 * The client: the document's operations, typed, over a connection that knows keys, retries and problems.
 *
 * `tidings.api` has every operation (`api.GET("/v1/deliveries/{dlv}", …)`). What is here beside is what types cannot say:
 * idempotency keys, waiting, pages.
 */
import { randomUUID } from "node:crypto";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./generated.js";

export type Schemas = components["schemas"];

/** One thing wrong with one field or parameter. */
export interface FieldProblem {
  /** An RFC 6901 pointer into the body, or the name of a parameter. */
  pointer: string;
  code: string;
  detail: string;
}

/** The server refused (RFC 9457). Decide by `code`, which is stable. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors: FieldProblem[];
  /** Names the request in the server's log. */
  readonly requestId: string | undefined;

  constructor(
    problem: Partial<Omit<Schemas["Problem"], "code" | "errors">> & { code?: string; errors?: FieldProblem[] },
    /** Seconds to wait, where the server says so. */
    readonly retryAfter?: number,
  ) {
    super(`${problem.status ?? 0} ${problem.code ?? "unknown"}: ${problem.detail ?? ""}`);
    this.status = problem.status ?? 0;
    this.code = problem.code ?? "unknown";
    this.title = problem.title ?? "";
    this.detail = problem.detail ?? "";
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id;
  }
}

export interface Options {
  /** How long one try may take; 10 seconds unless said otherwise. */
  timeoutMs?: number;
  /** Tries of one call; 4 unless said otherwise. */
  tries?: number;
  /** The longest wait between two tries; 30 seconds unless said otherwise. */
  longestWaitMs?: number;
  fetch?: typeof fetch;
  sleep?: (ms: number) => Promise<void>;
}

/** An event to post; a key is made where none is given. */
export type EventToPost = Schemas["BatchEventInput"];

/** What a list answers. */
interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

function mayRepeat(request: Request): boolean {
  return ["GET", "PUT", "DELETE"].includes(request.method) || request.headers.has("idempotency-key");
}

async function problemOf(response: Response): Promise<ProblemError> {
  const wait = response.headers.get("retry-after");
  const retryAfter = wait !== null && /^\d+$/.test(wait) ? Number(wait) : undefined;
  const text = await response.text();
  let problem: object = { code: "unknown", title: response.statusText, detail: text.slice(0, 200) };
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "code" in parsed) problem = parsed;
  } catch {
    // Not from the server itself: what a proxy said is in `detail`.
  }
  return new ProblemError({ ...problem, status: response.status }, retryAfter);
}

/** A server and a key. */
export class Tidings {
  /** Every operation. Problems are thrown, so `data` is there. */
  readonly api: Client<paths>;
  readonly #options: Required<Options>;

  constructor(baseUrl: string, key: string, options: Options = {}) {
    this.#options = {
      timeoutMs: 10_000,
      tries: 4,
      longestWaitMs: 30_000,
      fetch: globalThis.fetch,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      ...options,
    };
    this.api = createClient<paths>({
      baseUrl,
      headers: { Authorization: `Bearer ${key}` },
      fetch: (request) => this.#send(request),
    });
  }

  /**
   * Posts an event; once its id is here, it is on disk. The key that is made when none is given makes this call's own retries
   * one event. Give one of your own where the call itself may be made again: the id of a row in an outbox.
   */
  async postEvent(event: Schemas["EventInput"], idempotencyKey: string = randomUUID()): Promise<string> {
    const { data } = await this.api.POST("/v1/events", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body: event,
    });
    return data!.id;
  }

  /** Posts up to 1,000 events in one commit: for each its id, or why it was refused. */
  async postEvents(events: readonly EventToPost[]): Promise<(string | ProblemError)[]> {
    const keyed = events.map((event) => ({ idempotency_key: randomUUID(), ...event }));
    const { data } = await this.api.POST("/v1/events/batch", {
      body: { events: keyed },
      // Every event has its key: the batch may be sent again.
      fetch: (request: Request) => this.#send(request, true),
    });
    return data!.results.map((result) => ("id" in result ? result.id : new ProblemError(result.error)));
  }

  /** Every item of a list: `for await (const delivery of tidings.pages((cursor) => tidings.api.GET(…)))`. */
  async *pages<T>(list: (cursor: string | undefined) => Promise<{ data?: Page<T> | undefined }>): AsyncGenerator<T> {
    let cursor: string | undefined;
    do {
      const { data } = await list(cursor);
      yield* data!.data;
      cursor = data!.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** An organization's deliveries, newest first. */
  deliveries(
    org: number,
    filter: Omit<NonNullable<paths["/v1/organizations/{org}/deliveries"]["get"]["parameters"]["query"]>, "cursor"> = {},
  ): AsyncGenerator<Schemas["Delivery"]> {
    return this.pages((cursor) =>
      this.api.GET("/v1/organizations/{org}/deliveries", {
        params: { path: { org }, query: { ...filter, ...(cursor === undefined ? {} : { cursor }) } },
      }),
    );
  }

  async #send(request: Request, keyed = false): Promise<Response> {
    const { tries, timeoutMs, fetch } = this.#options;
    for (let number = 1; ; number += 1) {
      let wait: number | undefined;
      try {
        const response = await fetch(request.clone(), { signal: AbortSignal.timeout(timeoutMs) });
        if (response.status < 400) return response;
        const problem = await problemOf(response);
        // With these nothing was stored.
        if (![429, 503].includes(problem.status) || number >= tries) throw problem;
        wait = problem.retryAfter === undefined ? undefined : problem.retryAfter * 1000;
      } catch (error) {
        if (error instanceof ProblemError) throw error;
        // Whether it arrived is not known: again only where twice is once.
        if (number >= tries || !(keyed || mayRepeat(request))) throw error;
      }
      const backoff = Math.min(250 * 2 ** number, 10_000) * (0.5 + Math.random() / 2);
      await this.#options.sleep(Math.min(wait ?? backoff, this.#options.longestWaitMs));
    }
  }
}
