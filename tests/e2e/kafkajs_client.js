// Produces with and without gzip, in a transaction too, then consumes everything as a group.
// Arguments: bootstrap address, topic, group. Prints the counts as JSON in its last line.
"use strict";

const { Kafka, CompressionTypes, logLevel } = require("kafkajs");

async function main([bootstrap, topic, groupId]) {
  const kafka = new Kafka({ brokers: [bootstrap], clientId: "kafkajs-test", logLevel: logLevel.ERROR });
  const messages = (count) => Array.from({ length: count }, (_, number) => ({ value: `message ${number}` }));

  const producer = kafka.producer({ transactionalId: `tx-${topic}`, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  await producer.send({ topic, messages: messages(20), compression: CompressionTypes.None });
  await producer.send({ topic, messages: messages(20), compression: CompressionTypes.GZIP });
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: messages(5) });
  await transaction.commit();
  await producer.disconnect();

  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let consumed = 0;
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const eachMessage = async () => {
      consumed += 1;
      if (consumed === 45) {
        resolve();
      }
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  console.log(JSON.stringify({ produced: 45, consumed }));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
