// The server of durable-streams in memory, without compression. node durable-streams.mjs MODULE PORT
import { resolve } from "node:path";

const { DurableStreamTestServer } = await import(resolve(process.argv[2]));
const server = new DurableStreamTestServer({ host: "127.0.0.1", port: Number(process.argv[3]), compression: false });
await server.start();
console.log(`listening on ${server.port}`);
