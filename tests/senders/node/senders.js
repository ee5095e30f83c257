// Senders with the OpenTelemetry SDK for Node.js: for each way given, a company of three services that call each other.
//
// usage: node senders.js MODULES CALLS MILLISECONDS NAMESPACE,PROTOCOL,COMPRESSION,ENDPOINT...
//
// `web` calls `cart`, `cart` calls `stock`, `stock` asks a database, CALLS times with so many milliseconds in between; every
// fifth answer of `stock` is an error. PROTOCOL is grpc, http/protobuf or http/json, COMPRESSION gzip or none, ENDPOINT a
// URL. Packages are found in MODULES. Prints nothing and ends with 0 once every span was exported.
'use strict';

const { createRequire } = require('node:module');
const { setTimeout: sleep } = require('node:timers/promises');

const [modules, calls, milliseconds, ...ways] = process.argv.slice(2);
const find = createRequire(`${modules}/senders.js`);
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, defaultTextMapGetter, defaultTextMapSetter, trace } = find('@opentelemetry/api');
const { W3CTraceContextPropagator, setGlobalErrorHandler } = find('@opentelemetry/core');
const { CompressionAlgorithm } = find('@opentelemetry/otlp-exporter-base');
const { resourceFromAttributes } = find('@opentelemetry/resources');
const { BatchSpanProcessor, NodeTracerProvider } = find('@opentelemetry/sdk-trace-node');

const EXPORTERS = {
  grpc: ['@opentelemetry/exporter-trace-otlp-grpc', ''],
  'http/protobuf': ['@opentelemetry/exporter-trace-otlp-proto', '/v1/traces'],
  'http/json': ['@opentelemetry/exporter-trace-otlp-http', '/v1/traces'],
};

// How long an exporter tries.
const PATIENCE_MS = 60_000;

const headers = new W3CTraceContextPropagator();

// What an exporter gives up on is told to the handler only.
const faults = [];
setGlobalErrorHandler((error) => faults.push(error));

function exporter({ protocol, compression, endpoint }) {
  const [module, path] = EXPORTERS[protocol];
  const { OTLPTraceExporter } = find(module);
  return new OTLPTraceExporter({
    url: endpoint + path,
    compression: compression === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    timeoutMillis: PATIENCE_MS,
  });
}

class Service {
  constructor(way, name) {
    this.provider = new NodeTracerProvider({
      resource: resourceFromAttributes({ 'service.name': name, 'service.namespace': way.namespace }),
      spanProcessors: [
        new BatchSpanProcessor(exporter(way), {
          maxExportBatchSize: 32,
          scheduledDelayMillis: 200,
          exportTimeoutMillis: PATIENCE_MS,
        }),
      ],
    });
    this.tracer = this.provider.getTracer('senders');
  }

  // Continues the trace of the headers, as an instrumented server does.
  serve(carrier, name, work) {
    const parent = headers.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
    const span = this.tracer.startSpan(name, { kind: SpanKind.SERVER }, parent);
    if (!work(trace.setSpan(parent, span))) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
    }
    span.end();
  }

  // One request with headers that its answerer reads.
  dial(context, host, port, attributes, answer) {
    const named = { ...attributes, 'server.address': host, 'server.port': port };
    const span = this.tracer.startSpan('GET', { kind: SpanKind.CLIENT, attributes: named }, context);
    const carrier = {};
    headers.inject(trace.setSpan(context, span), carrier, defaultTextMapSetter);
    answer(carrier);
    span.end();
  }
}

function call(namespace, [web, cart, stock], isAnswered) {
  const http = { 'http.request.method': 'GET' };
  const database = { 'db.system.name': 'postgresql', 'db.namespace': 'stock' };
  const askDatabase = (context) => {
    stock.dial(context, `db.${namespace}`, 5432, database, () => {});
    return isAnswered;
  };
  const askStock = (context) => {
    cart.dial(context, `stock.${namespace}`, 8080, http, (carrier) => stock.serve(carrier, 'GET /stock', askDatabase));
    return true;
  };
  web.serve({}, 'GET /', (context) => {
    web.dial(context, `cart.${namespace}`, 8080, http, (carrier) => cart.serve(carrier, 'GET /cart', askStock));
    return true;
  });
}

async function run(text) {
  const [namespace, protocol, compression, endpoint] = text.split(',');
  const services = ['web', 'cart', 'stock'].map((name) => new Service({ namespace, protocol, compression, endpoint }, name));
  for (let number = 0; number < Number(calls); number += 1) {
    call(namespace, services, number % 5 !== 0);
    await sleep(Number(milliseconds));
  }
  for (const service of services) {
    await service.provider.forceFlush();
    await service.provider.shutdown();
  }
}

async function main() {
  await Promise.all(ways.map(run));
  if (faults.length > 0) {
    throw new AggregateError(faults, 'spans were not exported');
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
