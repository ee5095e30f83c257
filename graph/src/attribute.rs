//! The closed list of attribute keys that inference reads, and a borrowed set of their values.
//!
//! Every other attribute is skipped while decoding and never materialised. Old and current spellings of the
//! OpenTelemetry semantic conventions (1.44, 2026-08) are separate keys; which of them wins is decided by the
//! reader of the set, not here. Users may name further spellings of some ([`KeyAliases`]).

mod aliases;
mod headers;
mod lookup;

pub use aliases::KeyAliases;
pub use headers::{HeaderSide, Headers};

/// A scalar attribute value, borrowed from the request. Arrays, maps and bytes are never of use to inference
/// and are dropped by the decoders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// UTF-8 text; decoders reject a span whose needed strings are not UTF-8.
    Text(&'a str),
    /// Signed 64-bit integer.
    Int(i64),
    /// Double.
    Double(f64),
    /// Boolean.
    Bool(bool),
}

macro_rules! keys {
    ($($variant:ident = $name:literal,)+) => {
        /// An attribute key that some rule reads.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Key {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl Key {
            /// All keys, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Their spellings, in the same order.
            const NAMES: &'static [&'static str] = &[$($name,)+];

            /// The spelling of the key.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

keys! {
    ServiceName = "service.name",
    ServiceNamespace = "service.namespace",
    ServiceInstanceId = "service.instance.id",
    ServiceVersion = "service.version",
    ServiceCriticality = "service.criticality",
    DeploymentEnvironmentName = "deployment.environment.name",
    DeploymentEnvironment = "deployment.environment",
    K8sClusterName = "k8s.cluster.name",
    K8sNamespaceName = "k8s.namespace.name",
    K8sDeploymentName = "k8s.deployment.name",
    K8sStatefulsetName = "k8s.statefulset.name",
    K8sDaemonsetName = "k8s.daemonset.name",
    K8sCronjobName = "k8s.cronjob.name",
    K8sJobName = "k8s.job.name",
    K8sContainerName = "k8s.container.name",
    K8sPodName = "k8s.pod.name",
    K8sPodUid = "k8s.pod.uid",
    K8sPodIp = "k8s.pod.ip",
    FaasName = "faas.name",
    ContainerName = "container.name",
    ContainerId = "container.id",
    ProcessExecutableName = "process.executable.name",
    ProcessPid = "process.pid",
    HostName = "host.name",
    HostIp = "host.ip",
    CloudRegion = "cloud.region",
    CloudAvailabilityZone = "cloud.availability_zone",
    TelemetrySdkLanguage = "telemetry.sdk.language",
    ServicePeerName = "service.peer.name",
    ServicePeerNamespace = "service.peer.namespace",
    PeerService = "peer.service",
    NetPeerService = "net.peer.service",
    ServerAddress = "server.address",
    ServerPort = "server.port",
    NetPeerName = "net.peer.name",
    NetPeerPort = "net.peer.port",
    PeerHostname = "peer.hostname",
    PeerAddress = "peer.address",
    PeerPort = "peer.port",
    OutHost = "out.host",
    HttpHost = "http.host",
    HttpServerName = "http.server_name",
    NetHostName = "net.host.name",
    NetHostPort = "net.host.port",
    NetworkPeerAddress = "network.peer.address",
    NetworkPeerPort = "network.peer.port",
    NetSockPeerAddr = "net.sock.peer.addr",
    NetSockPeerPort = "net.sock.peer.port",
    NetPeerIp = "net.peer.ip",
    PeerIpv4 = "peer.ipv4",
    PeerIpv6 = "peer.ipv6",
    NetworkProtocolName = "network.protocol.name",
    NetworkProtocolVersion = "network.protocol.version",
    HttpFlavor = "http.flavor",
    ClientAddress = "client.address",
    HttpClientIp = "http.client_ip",
    UrlFull = "url.full",
    UrlScheme = "url.scheme",
    UrlPath = "url.path",
    UrlTemplate = "url.template",
    HttpUrl = "http.url",
    HttpScheme = "http.scheme",
    HttpTarget = "http.target",
    HttpRoute = "http.route",
    HttpRequestMethod = "http.request.method",
    HttpMethod = "http.method",
    HttpResponseStatusCode = "http.response.status_code",
    HttpStatusCode = "http.status_code",
    HttpRequestResendCount = "http.request.resend_count",
    HttpRequestBodySize = "http.request.body.size",
    HttpRequestContentLength = "http.request_content_length",
    ErrorType = "error.type",
    RpcSystemName = "rpc.system.name",
    RpcSystem = "rpc.system",
    RpcService = "rpc.service",
    RpcMethod = "rpc.method",
    RpcResponseStatusCode = "rpc.response.status_code",
    RpcGrpcStatusCode = "rpc.grpc.status_code",
    DbSystemName = "db.system.name",
    DbSystem = "db.system",
    DbNamespace = "db.namespace",
    DbName = "db.name",
    DbOperationName = "db.operation.name",
    DbOperation = "db.operation",
    DbConnectionString = "db.connection_string",
    MessagingSystem = "messaging.system",
    MessagingDestinationName = "messaging.destination.name",
    MessagingDestinationTemplate = "messaging.destination.template",
    MessagingDestinationTemporary = "messaging.destination.temporary",
    MessagingDestinationAnonymous = "messaging.destination.anonymous",
    MessagingDestination = "messaging.destination",
    MessagingOperationType = "messaging.operation.type",
    MessagingOperationName = "messaging.operation.name",
    MessagingOperation = "messaging.operation",
    MessagingBatchMessageCount = "messaging.batch.message_count",
    MessagingUrl = "messaging.url",
    MessagingKafkaClusterId = "messaging.kafka.cluster.id",
    MessagingRabbitmqRoutingKey = "messaging.rabbitmq.routing_key",
    MessagingRabbitmqDestinationRoutingKey = "messaging.rabbitmq.destination.routing_key",
    MessagingConsumerGroupName = "messaging.consumer.group.name",
    GenAiProviderName = "gen_ai.provider.name",
    GenAiSystem = "gen_ai.system",
    FaasInvokedName = "faas.invoked_name",
    FaasInvokedProvider = "faas.invoked_provider",
    FaasInvokedRegion = "faas.invoked_region",
    CloudResourceId = "cloud.resource_id",
    AwsS3Bucket = "aws.s3.bucket",
    Component = "component",
    UpstreamCluster = "upstream_cluster",
    UpstreamClusterName = "upstream_cluster.name",
    NodeId = "node_id",
    SamplerType = "sampler.type",
    SamplerParam = "sampler.param",
    SampleRate = "SampleRate",
}

/// Some of the keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySet(u128);

impl KeySet {
    pub(crate) const fn of(keys: &[Key]) -> Self {
        let mut set = 0;
        let mut rest = keys;
        while let [key, others @ ..] = rest {
            set |= 1 << *key as u32;
            rest = others;
        }
        Self(set)
    }

    /// The keys of both.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A value as it is kept: most texts are only ever compared, and become [`Value::Text`] when somebody asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept<'a> {
    /// Always UTF-8.
    Text(&'a [u8]),
    Int(i64),
    Double(f64),
    Bool(bool),
}

/// A text that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not UTF-8")]
pub struct NotUtf8;

/// The values of the known keys of one resource or span. Reused between spans: [`clear`](Self::clear) is one store and one test.
#[derive(Debug, Clone)]
pub struct AttributeSet<'a> {
    /// A bit for each key, at its place; two words take half the instructions of a number of 128 bits.
    present: [u64; 2],
    values: [Kept<'a>; Key::ALL.len()],
    headers: Headers,
}

const _: () = assert!(Key::ALL.len() <= 128, "the presence mask has 128 bits");

impl Default for AttributeSet<'_> {
    fn default() -> Self {
        Self {
            present: [0; 2],
            values: [Kept::Bool(false); Key::ALL.len()],
            headers: Headers::default(),
        }
    }
}

impl<'a> AttributeSet<'a> {
    /// Forgets all values.
    #[inline]
    pub fn clear(&mut self) {
        self.present = [0; 2];
        if !self.headers.is_empty() {
            self.headers = Headers::default();
        }
    }

    /// What captured headers show.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Notes a line of a captured header.
    pub fn header(&mut self, side: HeaderSide, name: &str, value: &str) {
        self.headers.line(side, name, value);
    }

    /// Remembers a value. The first value of a key wins, as OTLP says that keys are unique.
    #[inline]
    pub fn insert(&mut self, key: Key, value: Value<'a>) {
        let kept = match value {
            Value::Text(text) => Kept::Text(text.as_bytes()),
            Value::Int(number) => Kept::Int(number),
            Value::Double(number) => Kept::Double(number),
            Value::Bool(claim) => Kept::Bool(claim),
        };
        self.keep(key, kept);
    }

    /// Remembers a text that was not checked yet, as [`insert`](Self::insert) does.
    ///
    /// # Errors
    /// When it is not UTF-8, whether or not the key has a value already.
    #[inline]
    pub fn insert_text(&mut self, key: Key, text: &'a [u8]) -> Result<(), NotUtf8> {
        if !is_ascii(text) && std::str::from_utf8(text).is_err() {
            return Err(NotUtf8);
        }
        self.keep(key, Kept::Text(text));
        Ok(())
    }

    /// Remembers a text as [`insert`](Self::insert) does, if it is all ASCII. Says whether it is.
    #[inline]
    pub fn insert_ascii(&mut self, key: Key, text: &'a [u8]) -> bool {
        let is_ascii = is_ascii(text);
        if is_ascii {
            self.keep(key, Kept::Text(text));
        }
        is_ascii
    }

    #[inline]
    fn keep(&mut self, key: Key, value: Kept<'a>) {
        let (word, bit) = bit_of(key);
        if self.present[word] & bit == 0 {
            self.present[word] |= bit;
            self.values[key as usize] = value;
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<Value<'a>> {
        if !self.has(key) {
            return None;
        }
        Some(match self.values[key as usize] {
            // Checked when it came in.
            Kept::Text(text) => Value::Text(std::str::from_utf8(text).unwrap_or_default()),
            Kept::Int(number) => Value::Int(number),
            Kept::Double(number) => Value::Double(number),
            Kept::Bool(claim) => Value::Bool(claim),
        })
    }

    /// The text of a key; an empty string counts as absent (inference rule 1.1.2).
    #[must_use]
    pub fn text(&self, key: Key) -> Option<&'a str> {
        match self.get(key)? {
            Value::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// The first non-empty text among several spellings.
    #[must_use]
    pub fn first_text(&self, keys: &[Key]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.text(*key))
    }

    /// An integer, also when an SDK sent it as text or as a whole double.
    #[must_use]
    pub fn int(&self, key: Key) -> Option<i64> {
        match self.get(key)? {
            Value::Int(number) => Some(number),
            Value::Text(text) => text.trim().parse().ok(),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "guarded: whole and within 53 bits"
            )]
            Value::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Some(number as i64)
            }
            _ => None,
        }
    }

    /// The first integer among several spellings.
    #[must_use]
    pub fn first_int(&self, keys: &[Key]) -> Option<i64> {
        keys.iter().find_map(|key| self.int(*key))
    }

    /// A port: an integer in 1..=65535.
    #[must_use]
    pub fn port(&self, key: Key) -> Option<u16> {
        self.int(key)
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port != 0)
    }

    /// True when the key is present with the boolean `true` or the text `true`.
    #[must_use]
    pub fn is_true(&self, key: Key) -> bool {
        matches!(
            self.get(key),
            Some(Value::Bool(true) | Value::Text("true" | "True" | "TRUE"))
        )
    }

    /// One bit for each of these keys that is present, at the place of the key.
    pub(crate) const fn present(&self, keys: KeySet) -> u128 {
        let [low, high] = self.present;
        (low as u128 | (high as u128) << 64) & keys.0
    }

    /// True when some of these keys is present with any value.
    pub(crate) const fn has_any(&self, keys: KeySet) -> bool {
        self.present(keys) != 0
    }

    /// The values of those of these keys that are present, in the order of the keys.
    pub(crate) fn values(&self, keys: KeySet) -> impl Iterator<Item = Kept<'a>> {
        let mut rest = self.present(keys);
        std::iter::from_fn(move || {
            let at = rest.trailing_zeros() as usize;
            // Of an empty rest all 128 bits are zero, and there are fewer keys.
            let value = self.values.get(at)?;
            rest &= rest - 1;
            Some(*value)
        })
    }

    /// True when the key is present with any value.
    #[must_use]
    pub const fn has(&self, key: Key) -> bool {
        let (word, bit) = bit_of(key);
        self.present[word] & bit != 0
    }
}

/// The word and the bit in it at the place of a key.
#[inline]
const fn bit_of(key: Key) -> (usize, u64) {
    (key as usize / 64, 1 << (key as usize % 64))
}

/// The last eight bytes as a number. A pattern, because `last_chunk` leaves a test for null in the loop over all attributes.
#[inline]
const fn last_word(bytes: &[u8]) -> Option<u64> {
    match bytes {
        [.., a, b, c, d, e, f, g, h] => Some(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
        _ => None,
    }
}

/// True when no byte has its highest bit set; for short texts several times as quick as the standard check of UTF-8.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let Some(last) = last_word(text) else {
        return is_short_ascii(text);
    };
    let (words, _) = text.as_chunks();
    if let [first] = words {
        return (last | u64::from_le_bytes(*first)) & HIGH == 0;
    }
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    words.fold(last, |all, word| all | word) & HIGH == 0
}

/// The same of fewer than eight bytes.
#[inline]
fn is_short_ascii(text: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u32::from_le_bytes(*first) | u32::from_le_bytes(*last)) & 0x8080_8080 == 0;
    }
    let all = match text {
        [a, b, c, ..] => a | b | c,
        [a, b] => a | b,
        [a] => *a,
        [] => 0,
    };
    all < 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_own_name() {
        for key in Key::ALL {
            assert_eq!(Key::lookup(key.name()), Some(*key));
        }
        assert_eq!(Key::lookup("db.statement"), None);
    }

    #[test]
    fn text_that_is_not_utf8_stays_out_wherever_the_fault_is() {
        for length in 0..40 {
            let good = vec![b'x'; length];
            let mut set = AttributeSet::default();
            assert_eq!(set.insert_text(Key::ServiceName, &good), Ok(()));
            assert_eq!(set.text(Key::ServiceName).is_some(), length > 0);
            for at in 0..length {
                let mut bad = good.clone();
                bad[at] = 0xff;
                let mut set = AttributeSet::default();
                assert_eq!(set.insert_text(Key::ServiceName, &bad), Err(NotUtf8));
                assert!(!set.has(Key::ServiceName));
            }
        }
        let mut set = AttributeSet::default();
        let cafe = "caf\u{e9}";
        assert_eq!(set.insert_text(Key::ServiceName, cafe.as_bytes()), Ok(()));
        assert_eq!(set.text(Key::ServiceName), Some(cafe));
    }

    #[test]
    fn empty_text_is_absent_and_the_first_value_wins() {
        let mut set = AttributeSet::default();
        set.insert(Key::ServiceName, Value::Text("  "));
        set.insert(Key::ServerPort, Value::Text("8080"));
        set.insert(Key::ServerPort, Value::Int(9));
        assert_eq!(set.text(Key::ServiceName), None);
        assert_eq!(set.port(Key::ServerPort), Some(8080));
        set.clear();
        assert!(!set.has(Key::ServerPort));
    }
}
