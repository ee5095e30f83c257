"""Senders with the OpenTelemetry SDK for Python: for each way given, a company of three services that call each other.

Usage: senders.py CALLS MILLISECONDS NAMESPACE,PROTOCOL,COMPRESSION,ENDPOINT...

`web` calls `cart`, `cart` calls `stock`, `stock` asks a database, CALLS times with so many milliseconds in between; every
fifth answer of `stock` is an error. PROTOCOL is grpc or http/protobuf, COMPRESSION gzip or none, ENDPOINT a URL. Prints
nothing and exits 0 once every span was exported.
"""

import contextlib
import logging
import sys
import threading
import time

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# How long an exporter tries, in seconds.
PATIENCE_S = 60

HEADERS = TraceContextTextMapPropagator()


class Complaints(logging.Handler):
    """What an exporter gives up on is told to its log only; that it tries again is a warning."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.records = []

    def emit(self, record):
        self.records.append(record.getMessage())


def exporter(protocol, compression, endpoint):
    is_gzip = compression == "gzip"
    if protocol == "grpc":
        coding = grpc.Compression.Gzip if is_gzip else grpc.Compression.NoCompression
        return GrpcExporter(endpoint=endpoint, insecure=True, compression=coding, timeout=PATIENCE_S)
    coding = Compression.Gzip if is_gzip else Compression.NoCompression
    return HttpExporter(endpoint=f"{endpoint}/v1/traces", compression=coding, timeout=PATIENCE_S)


class Service:
    """One service with an exporter of its own."""

    def __init__(self, namespace, name, way):
        resource = Resource({"service.name": name, "service.namespace": namespace})
        self.provider = TracerProvider(resource=resource)
        batches = BatchSpanProcessor(
            exporter(*way), max_export_batch_size=32, schedule_delay_millis=200, export_timeout_millis=PATIENCE_S * 1000
        )
        self.provider.add_span_processor(batches)
        self.tracer = self.provider.get_tracer("senders")

    @contextlib.contextmanager
    def serve(self, carrier, name, is_answered=True):
        """Continues the trace of the headers, as an instrumented server does."""
        with self.tracer.start_as_current_span(name, context=HEADERS.extract(carrier), kind=SpanKind.SERVER) as span:
            yield set_span_in_context(span)
            if not is_answered:
                span.set_status(Status(StatusCode.ERROR, "out of stock"))

    @contextlib.contextmanager
    def dial(self, context, host, port, **attributes):
        """One request; its headers."""
        named = {key.replace("_", "."): value for key, value in attributes.items()}
        named.update({"server.address": host, "server.port": port})
        with self.tracer.start_as_current_span("GET", context=context, kind=SpanKind.CLIENT, attributes=named) as span:
            carrier = {}
            HEADERS.inject(carrier, set_span_in_context(span))
            yield carrier


def call(namespace, web, cart, stock, is_answered):
    http = {"http_request_method": "GET"}
    database = {"db_system_name": "postgresql", "db_namespace": "stock"}
    with web.serve({}, "GET /") as context:
        with web.dial(context, f"cart.{namespace}", 8080, **http) as carrier, cart.serve(carrier, "GET /cart") as context:
            with cart.dial(context, f"stock.{namespace}", 8080, **http) as carrier:
                with stock.serve(carrier, "GET /stock", is_answered) as context:
                    with stock.dial(context, f"db.{namespace}", 5432, **database):
                        pass


def run(calls, pause_s, text):
    namespace, *way = text.split(",")
    services = [Service(namespace, name, way) for name in ("web", "cart", "stock")]
    for number in range(calls):
        call(namespace, *services, is_answered=number % 5 != 0)
        time.sleep(pause_s)
    for service in services:
        service.provider.force_flush(PATIENCE_S * 1000)
        service.provider.shutdown()


def main():
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    calls, pause_s = int(sys.argv[1]), int(sys.argv[2]) / 1000
    threads = [threading.Thread(target=run, args=[calls, pause_s, text]) for text in sys.argv[3:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if complaints.records:
        sys.exit("\n".join(complaints.records))


main()
