// Publishes one operation to the billing ledger and prints what became of it, with nothing but the
// published contract and a Kafka client.
//
//   node publish_and_listen.js HOST:PORT --user 1003 --machine 7004 --lines 250
//
// Ends with 0 where the operation was recorded, 3 where it was rejected, 1 where no outcome came in time.

import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { decompress } from "fzstd";
import kafkajs from "kafkajs";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

const SOURCE = "/services/training";
const INCOMING = "training.operations";
const OUTGOING = "billing.operations";
const RECORDED = "com.easyautoml.billing.operation.recorded.v1";
const REJECTED = "com.easyautoml.billing.operation.rejected.v1";
const PATIENCE_MS = 30_000;

// The ledger compresses what it tells with Zstandard, which kafkajs leaves to its users.
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: () => {
    throw new Error("this program compresses nothing");
  },
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
});

// An operation as a CloudEvent in structured mode: the whole event is the message's value. The id is made
// once: whoever sends the very same message again is never charged twice.
function solving(user, machine, lines) {
  return {
    specversion: "1.0",
    id: randomUUID(),
    source: SOURCE,
    type: "com.easyautoml.operation.v1",
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    data: { type: "solving", operation_user: user, machine, count_of_lines: lines },
  };
}

async function publish(kafka, event, payer) {
  const producer = kafka.producer(); // what it sends twice in a retry, the ledger knows by its id
  await producer.connect();
  await producer.send({
    topic: INCOMING,
    acks: -1,
    messages: [
      {
        key: String(payer), // who pays: his operations keep their order
        value: JSON.stringify(event),
        headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
      },
    ],
  });
  await producer.disconnect();
}

// Calls `hear(type, payload)` for everything that is told from now on, each event once. It listens when the
// promise is fulfilled, so that no answer to what is published afterwards can be missed.
async function listen(kafka, hear) {
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(OUTGOING);
  await admin.disconnect();

  const seen = new Set();
  // A group of its own: this program hears everything, and leaves nobody without his share.
  const consumer = kafka.consumer({
    groupId: `node-example-${randomUUID()}`,
    sessionTimeout: 6_000, // the embedded broker lets the first member of a group wait for half of it
    heartbeatInterval: 1_000,
    maxWaitTimeInMs: 200,
  });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.connect();
  await consumer.subscribe({ topic: OUTGOING });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message }) => {
      const id = String(message.headers.ce_id);
      if (!seen.has(id)) {
        seen.add(id); // every event is told at least once
        hear(String(message.headers.ce_type), JSON.parse(String(message.value)));
      }
    },
  });
  await joined;
  for (const { partition, offset } of ends) {
    consumer.seek({ topic: OUTGOING, partition, offset });
  }
  return consumer;
}

// Amounts are texts with eight decimals: they are shown, never made into floating point numbers.
function told(type, outcome) {
  if (type === REJECTED) {
    return `rejected: ${outcome.rejection.code} (${outcome.rejection.message})`;
  }
  const transfers = outcome.transfers.map((it) => `${it.amount} ${it.currency} from ${it.debit} to ${it.credit}`);
  const accounts = Object.entries(outcome.accounts).map(([name, state]) => `${name} has ${state.balance}`);
  return [`recorded: ${outcome.operation}`, ...transfers, ...accounts].join("\n  ");
}

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      user: { type: "string", default: "1003" },
      machine: { type: "string", default: "7004" },
      lines: { type: "string", default: "250" },
    },
  });
  const kafka = new Kafka({
    clientId: "node-example",
    brokers: [positionals[0] ?? "127.0.0.1:9092"],
    logLevel: logLevel.ERROR,
  });
  const user = Number.parseInt(values.user, 10);
  const event = solving(user, Number.parseInt(values.machine, 10), Number.parseInt(values.lines, 10));

  let answer;
  const answered = new Promise((resolve) => {
    answer = resolve;
  });
  const consumer = await listen(kafka, (type, outcome) => {
    const isOurs = outcome.source === SOURCE && outcome.request_id === event.id;
    if (isOurs && (type === RECORDED || type === REJECTED)) {
      answer([type, outcome]);
    }
  });
  await publish(kafka, event, user);
  console.log(`published: ${event.id}`);

  const timer = setTimeout(() => answer(undefined), PATIENCE_MS);
  const heard = await answered;
  clearTimeout(timer);
  await consumer.disconnect();
  if (heard === undefined) {
    console.error(`no outcome of ${event.id} in ${PATIENCE_MS / 1000} s`);
    return 1;
  }
  const [type, outcome] = heard;
  console.log(told(type, outcome));
  return type === RECORDED ? 0 : 3;
}

process.exitCode = await main();
