/** What a program gets of one topic. All functions are optional. */
export interface Handlers {
  /** A message: a string if it was published as text, else bytes. */
  message?(data: string | Uint8Array, position?: string): void;
  /** The subscription begins after this position, which is "" without history. */
  subscribed?(position: string): void;
  /**
   * Messages were missed that nobody has any more. Load the present state. The messages from now
   * on follow.
   */
  lost?(): void;
  /** The server does not allow it. The subscription is over. */
  refused?(reason: string): void;
}

export interface Options {
  /** Subprotocols to ask for. */
  protocols?: string | string[];
  /** The longest wait, in milliseconds, after a connection has ended. Default: 5000. */
  first?: number;
  /** The longest wait of all, in milliseconds. Default: 60000. */
  max?: number;
  /** What the connection does. url is that of the server to which it is open. */
  state?(state: "open" | "waiting" | "closed", url?: string): void;
  /** A message that is not the hub's, but the program's own. */
  message?(event: MessageEvent): void;
  /**
   * The connection ended for good: by close, with 1000, or with a code after which it would end the
   * same way again, which are 1002, 1003, 1007 to 1010 and 3000 to 4999.
   */
  closed?(event: CloseEvent): void;
}

export interface Connection {
  /**
   * Subscribes to a topic, for as long as the Connection lasts, across all its sockets. position is
   * one that was kept from an earlier page. The function that is returned unsubscribes.
   */
  subscribe(topic: string, handlers: Handlers, position?: string): () => void;
  /** The position of the topic's last message, to be kept. "" if there is none. */
  position(topic: string): string;
  /** Sends a message of the program's own. false: there is no connection at the moment. */
  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): boolean;
  /** Ends the connection for good. */
  close(): void;
}

/**
 * Connects, and connects again whenever the connection ends. url may be a function that is called
 * for each attempt, counted from 0: for a fresh token, or another server.
 */
export function connect(url: string | ((attempt: number) => string | Promise<string>), options?: Options): Connection;
