//! gRPC health checking and server reflection beside the trace service.
//!
//! Health says whether requests are taken: orchestrators and load balancers ask it, without a token. Reflection lets
//! people explore the port; it tells nothing that is not in the specification.

use axum::Router;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::CollectError;
use crate::receiver::grpc::SERVICE;

/// Services that reflection names.
const SERVICES: [&str; 2] = [SERVICE, "grpc.health.v1.Health"];

fn reflection() -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(opentelemetry_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    // Only those: the descriptors also have services for logs and metrics, which are not served.
    SERVICES
        .into_iter()
        .fold(builder, |builder, name| builder.with_service_name(name))
}

/// Longest message taken: names of services. Theirs are not among the bytes in flight.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// What health tells.
#[derive(Clone)]
pub(super) struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// The services, and the handle by which their answer changes. Not serving at first.
    ///
    /// # Errors
    /// When the descriptors that are compiled in cannot be read, which is a bug.
    pub(super) fn start() -> Result<(Self, Router), CollectError> {
        let (reporter, service) = health_reporter();
        let failed = |error: tonic_reflection::server::Error| CollectError::Server {
            protocol: "OTLP/gRPC",
            cause: error.to_string(),
        };
        let current = reflection().build_v1().map_err(failed)?;
        // `grpcurl` and many libraries still ask for the first version.
        let former = reflection().build_v1alpha().map_err(failed)?;
        let router = Routes::new(service.max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(current.max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(former.max_decoding_message_size(MAX_MESSAGE_BYTES))
            .into_axum_router();
        Ok((Self { reporter }, router))
    }

    /// Tells everybody who asks or watches.
    pub(super) async fn set(&self, is_serving: bool) {
        let status = if is_serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in ["", SERVICE] {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
