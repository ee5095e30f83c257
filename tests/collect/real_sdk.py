"""Two services with the real OpenTelemetry SDK, calling each other: `web` over OTLP/gRPC, `cart` over OTLP/HTTP.

Usage: real_sdk.py GRPC_ADDRESS HTTP_ADDRESS CALLS. Prints nothing; exits 0 once every span was exported.
Speaks TLS when OTEL_EXPORTER_OTLP_CERTIFICATE is set.
"""

import os
import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


def provider(service, exporter):
    resource = Resource.create({"service.name": service, "service.namespace": "shop"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=16))
    return provider


def main():
    grpc_address, http_address, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    is_secure = "OTEL_EXPORTER_OTLP_CERTIFICATE" in os.environ
    scheme = "https" if is_secure else "http"
    web = provider("web", GrpcExporter(endpoint=f"{scheme}://{grpc_address}", insecure=not is_secure))
    http_exporter = HttpExporter(endpoint=f"{scheme}://{http_address}/v1/traces", compression=Compression.Gzip)
    cart = provider("cart", http_exporter)
    headers = TraceContextTextMapPropagator()
    for number in range(calls):
        with web.get_tracer("test").start_as_current_span("GET /", kind=SpanKind.SERVER) as entry:
            context = set_span_in_context(entry)
            attributes = {"server.address": "cart.shop", "server.port": 8080, "http.request.method": "GET"}
            with web.get_tracer("test").start_as_current_span(
                "GET", context=context, kind=SpanKind.CLIENT, attributes=attributes
            ) as call:
                carrier = {}
                headers.inject(carrier, set_span_in_context(call))
                with cart.get_tracer("test").start_as_current_span(
                    "GET /cart", context=headers.extract(carrier), kind=SpanKind.SERVER
                ) as served:
                    if number % 5 == 0:
                        served.set_status(Status(StatusCode.ERROR))
    for each in (web, cart):
        assert each.force_flush(), "the exporter gave up"
        each.shutdown()


main()
