//! What kind of system a span talks to, and a span's role in messaging (inference rule 1.8).

use serde::{Deserialize, Serialize};

use crate::attribute::{AttributeSet, Key};
use crate::span::SpanKind;
use crate::text::clip;

/// Kind of the called system, with the attributes that identify it inside its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// HTTP, TCP or nothing known.
    #[default]
    None,
    /// A remote procedure call.
    Rpc {
        /// `grpc`, `apache_dubbo`, ...
        system: String,
        /// Fully qualified service, empty when unknown.
        service: String,
    },
    /// A database or cache.
    Database {
        /// Current spelling of the system's name.
        system: String,
        /// `db.namespace` or `db.name`; a facet, not part of the identity.
        namespace: String,
    },
    /// A message broker.
    Messaging {
        /// `kafka`, `rabbitmq`, ...; empty when only a peer name is known.
        system: String,
        /// Topic or queue, generated names folded.
        destination: String,
        /// `messaging.kafka.cluster.id`, empty when unknown.
        cluster_id: String,
    },
    /// A generative AI provider.
    Genai {
        /// `openai`, ...
        provider: String,
    },
    /// A function invoked by name.
    Function {
        /// `provider/region/name`, with the parts that are known.
        name: String,
    },
    /// A cloud API called through its SDK.
    Aws {
        /// `S3`, `DynamoDB`, ...
        service: String,
        /// True when a bucket is named.
        is_object_store: bool,
    },
}

impl Category {
    /// The category that the attributes of a span give.
    #[must_use]
    pub fn of_span(kind: SpanKind, attributes: &AttributeSet<'_>, max_chars: usize) -> Self {
        let clipped = |text: &str| clip(text, max_chars);
        let text = |keys: &[Key]| attributes.first_text(keys).map(clipped).unwrap_or_default();
        if let Some(system) = attributes.first_text(&[Key::DbSystemName, Key::DbSystem]) {
            return Self::Database {
                system: clipped(current_db_system(&system.to_ascii_lowercase())),
                namespace: text(&[Key::DbNamespace, Key::DbName]),
            };
        }
        let moves_messages = matches!(kind, SpanKind::Producer | SpanKind::Consumer);
        if moves_messages || is_messaging(attributes) {
            return Self::Messaging {
                system: text(&[Key::MessagingSystem]).to_ascii_lowercase(),
                destination: destination(attributes, max_chars),
                cluster_id: text(&[Key::MessagingKafkaClusterId]),
            };
        }
        if let Some(provider) = attributes.first_text(&[Key::GenAiProviderName, Key::GenAiSystem]) {
            return Self::Genai {
                provider: clipped(provider),
            };
        }
        if attributes.text(Key::FaasInvokedName).is_some() {
            let parts = [
                Key::FaasInvokedProvider,
                Key::FaasInvokedRegion,
                Key::FaasInvokedName,
            ];
            let known: Vec<&str> = parts
                .iter()
                .filter_map(|key| attributes.text(*key))
                .collect();
            return Self::Function {
                name: clipped(&known.join("/")),
            };
        }
        match attributes.first_text(&[Key::RpcSystemName, Key::RpcSystem]) {
            Some("aws-api" | "aws_api") => Self::Aws {
                service: text(&[Key::RpcService]),
                is_object_store: attributes.has(Key::AwsS3Bucket),
            },
            Some(system) => Self::Rpc {
                system: clipped(system),
                service: clipped(&rpc_service(attributes)),
            },
            None => Self::None,
        }
    }

    /// The database or messaging system, when the category has one.
    #[must_use]
    pub fn system(&self) -> Option<&str> {
        match self {
            Self::Database { system, .. } | Self::Messaging { system, .. } => {
                Some(system.as_str()).filter(|system| !system.is_empty())
            }
            _ => None,
        }
    }
}

/// `rpc.service`, else the part of a fully qualified `rpc.method` before its last slash.
fn rpc_service(attributes: &AttributeSet<'_>) -> String {
    let from_method = || {
        let method = attributes.text(Key::RpcMethod)?.trim_start_matches('/');
        method.rsplit_once('/').map(|(service, _)| service)
    };
    attributes
        .text(Key::RpcService)
        .or_else(from_method)
        .unwrap_or_default()
        .to_owned()
}

fn is_messaging(attributes: &AttributeSet<'_>) -> bool {
    const MARKS: [Key; 5] = [
        Key::MessagingSystem,
        Key::MessagingDestinationName,
        Key::MessagingDestination,
        Key::MessagingDestinationTemplate,
        Key::MessagingOperationType,
    ];
    MARKS.iter().any(|key| attributes.has(*key))
}

/// Topic or queue. The default exchange of AMQP has an empty name: its routing key is the queue.
fn destination(attributes: &AttributeSet<'_>, max_chars: usize) -> String {
    const TEMPORARY: &str = "(temporary)";
    if let Some(template) = attributes.text(Key::MessagingDestinationTemplate) {
        return clip(template, max_chars);
    }
    if attributes.is_true(Key::MessagingDestinationTemporary)
        || attributes.is_true(Key::MessagingDestinationAnonymous)
    {
        return TEMPORARY.to_owned();
    }
    let name = attributes.first_text(&[
        Key::MessagingDestinationName,
        Key::MessagingDestination,
        Key::MessagingRabbitmqDestinationRoutingKey,
        Key::MessagingRabbitmqRoutingKey,
    ]);
    match name {
        Some(name) if name.starts_with("amq.gen-") => TEMPORARY.to_owned(),
        Some(name) => clip(name, max_chars),
        None => String::new(),
    }
}

/// The names that the stable database conventions gave to old values of `db.system`.
fn current_db_system(system: &str) -> &str {
    match system {
        "mssql" => "microsoft.sql_server",
        "postgres" => "postgresql",
        "oracle" => "oracle.db",
        "db2" => "ibm.db2",
        "informix" => "ibm.informix",
        "netezza" => "ibm.netezza",
        "dynamodb" => "aws.dynamodb",
        "redshift" => "aws.redshift",
        "cosmosdb" => "azure.cosmosdb",
        "spanner" => "gcp.spanner",
        "hanadb" => "sap.hana",
        "maxdb" => "sap.maxdb",
        "adabas" => "softwareag.adabas",
        "firebird" => "firebirdsql",
        "h2" => "h2database",
        "cache" => "intersystems_cache",
        other => other,
    }
}

/// A span's part in moving messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MessageRole {
    /// Moves no message.
    #[default]
    None,
    /// Creates a message that another span sends.
    Create,
    /// Sends or publishes.
    Send,
    /// Fetches messages; consumes them unless a process span links the same message.
    Receive,
    /// Processes a message, or has it delivered.
    Process,
    /// Settles, commits, seeks, creates topics: dials the broker without moving a message.
    Settle,
}

/// The role of a span, by kind and operation (the table of rule 1.8).
#[must_use]
pub fn message_role(kind: SpanKind, attributes: &AttributeSet<'_>) -> MessageRole {
    let operation = attributes
        .first_text(&[
            Key::MessagingOperationType,
            Key::MessagingOperation,
            Key::MessagingOperationName,
        ])
        .unwrap_or_default()
        .to_ascii_lowercase();
    let by_operation = match operation.as_str() {
        "create" => MessageRole::Create,
        "send" | "publish" => MessageRole::Send,
        "receive" | "poll" => MessageRole::Receive,
        "process" | "deliver" => MessageRole::Process,
        "settle" | "ack" | "nack" | "commit" | "reject" | "seek" => MessageRole::Settle,
        _ => MessageRole::None,
    };
    match (kind, by_operation) {
        (SpanKind::Producer | SpanKind::Consumer, MessageRole::Settle) => MessageRole::Settle,
        (SpanKind::Producer, MessageRole::Create) => MessageRole::Create,
        (SpanKind::Producer, _) => MessageRole::Send,
        (SpanKind::Consumer, MessageRole::Receive) => MessageRole::Receive,
        (SpanKind::Consumer, _) => MessageRole::Process,
        (SpanKind::Client, role) if is_messaging(attributes) => match role {
            MessageRole::None => MessageRole::Settle,
            role => role,
        },
        (SpanKind::Server, MessageRole::Process) => MessageRole::Process,
        _ => MessageRole::None,
    }
}
