// Publishes one operation to the billing ledger and prints its outcome, using only the published contract
// and a Kafka client.
//
//   node publish_and_listen.js HOST:PORT --user 1003 --machine 7004 --lines 250
//
// Exits with 0 if the operation was recorded, 3 if it was rejected, and 1 if there was no outcome in time.

import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import kafkajs from "kafkajs";

const { Kafka, logLevel } = kafkajs;

const SOURCE = "/services/training";
const INCOMING = "training.operations";
const OUTGOING = "billing.operations";
const RECORDED = "com.easyautoml.billing.operation.recorded.v1";
const REJECTED = "com.easyautoml.billing.operation.rejected.v1";
const TIMEOUT_MS = 30_000;

// Returns an operation as a CloudEvent in structured mode: the value of the message is the whole event. The id
// is created once, so that sending the same message again never charges twice.
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
  const producer = kafka.producer(); // the ledger recognizes retries by their id
  await producer.connect();
  await producer.send({
    topic: INCOMING,
    acks: -1,
    messages: [
      {
        key: String(payer), // the operations of a payer stay in order
        value: JSON.stringify(event),
        headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
      },
    ],
  });
  await producer.disconnect();
}

// Calls `onEvent(type, payload)` for every event that is published from now on, once each. When the promise is
// fulfilled, it is listening, so that no outcome of later messages can be missed.
async function listen(kafka, onEvent) {
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(OUTGOING);
  await admin.disconnect();

  const seen = new Set();
  // A group of its own, so that this program receives everything and takes no partition from others.
  const consumer = kafka.consumer({
    groupId: `node-example-${randomUUID()}`,
    sessionTimeout: 6_000, // with the embedded broker the first member of a group waits for half of it
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
        seen.add(id); // events may arrive more than once
        onEvent(String(message.headers.ce_type), JSON.parse(String(message.value)));
      }
    },
  });
  await joined;
  for (const { partition, offset } of ends) {
    consumer.seek({ topic: OUTGOING, partition, offset });
  }
  return consumer;
}

// Amounts are strings with eight decimals, which are never converted to floating point numbers.
function describe(type, outcome) {
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

  const timer = setTimeout(() => answer(undefined), TIMEOUT_MS);
  const received = await answered;
  clearTimeout(timer);
  await consumer.disconnect();
  if (received === undefined) {
    console.error(`no outcome of ${event.id} in ${TIMEOUT_MS / 1000} s`);
    return 1;
  }
  const [type, outcome] = received;
  console.log(describe(type, outcome));
  return type === RECORDED ? 0 : 3;
}

process.exitCode = await main();
