//! Messages: sent once, read by every consumer as a child, by a link, or in batches.

use super::Waiting;
use super::calls::Own;
use super::weaver::Weaver;
use crate::span::{Attribute, Kind};
use crate::truth::{Evidence, Happened, NodeIndex, Relation};
use crate::world::{Reading, Topic};

impl<'w> Weaver<'w> {
    pub(super) fn publish(&mut self, own: Own, parent: u64, topic: usize) {
        let number = topic;
        let topic = &self.world.topics[topic];
        let span = self.open(Kind::Producer, "publish", own.1, Some(parent));
        self.describe_message(span, topic, topic.is_addressed);
        // Some RabbitMQ clients tell every publish twice, one span inside the other.
        let inner = (topic.system == "rabbitmq").then(|| {
            let parent = self.id(span);
            let inner = self.open(Kind::Producer, "publish", own.1, Some(parent));
            self.describe_message(inner, topic, topic.is_addressed);
            inner
        });
        for span in inner.into_iter().chain([span]) {
            self.close(span, false);
        }
        let producer = self.node(own.0);
        let sent = Waiting {
            trace: self.trace,
            span: self.id(inner.unwrap_or(span)),
            producer,
        };
        self.dial(producer, topic);
        self.message(
            producer,
            topic.broker,
            Happened::once(false),
            Evidence::Address,
        );
        match topic.reading {
            Reading::Batch(size) => self.sent.push((number, sent, size)),
            Reading::Child | Reading::Link => {
                for consumer in &topic.consumers {
                    self.consume(*consumer, topic, sent);
                }
            }
        }
    }

    fn describe_message(&mut self, span: usize, topic: &'w Topic, is_addressed: bool) {
        let attributes: [Attribute<'w>; 2] = [
            ("messaging.system", topic.system.into()),
            ("messaging.destination.name", topic.name.as_str().into()),
        ];
        self.span(span).attributes.extend(attributes);
        if is_addressed {
            self.span(span)
                .describe(&[("server.address", &topic.broker_host)]);
        }
    }

    fn dial(&mut self, node: NodeIndex, topic: &Topic) {
        let ends = (node, topic.broker);
        self.called(
            ends,
            Relation::Sync,
            Happened::once(false),
            Evidence::Address,
        );
    }

    fn message(&mut self, from: NodeIndex, to: NodeIndex, happened: Happened, evidence: Evidence) {
        self.called((from, to), Relation::Async, happened, evidence);
    }

    /// One consumer reads one message.
    fn consume(&mut self, consumer: usize, topic: &'w Topic, sent: Waiting) {
        let is_link = topic.reading == Reading::Link;
        let pod = self.pod(consumer);
        if is_link {
            self.trace = self.new_trace();
        }
        let parent = (!is_link).then_some(sent.span);
        let span = self.open(Kind::Consumer, "process", pod, parent);
        self.describe_message(span, topic, true);
        if is_link {
            self.span(span).links.push((sent.trace, sent.span));
        }
        let before = self.take_up(consumer);
        let below = self.id(span);
        self.work(consumer, pod, below);
        let has_failed = self.random.chance(20);
        self.close(span, has_failed);
        let node = self.node(consumer);
        self.dial(node, topic);
        self.working_for = before;
        self.trace = sent.trace;
        let happened = Happened::once(has_failed);
        let evidence = if is_link {
            Evidence::Link
        } else {
            Evidence::Paired
        };
        self.message(sent.producer, node, happened, evidence);
        self.message(topic.broker, node, happened, Evidence::Address);
    }

    /// Every consumer reads all these messages at once.
    pub(super) fn consume_batch(&mut self, topic: usize, messages: &[Waiting]) {
        let topic = &self.world.topics[topic];
        for consumer in &topic.consumers {
            let pod = self.pod(*consumer);
            self.trace = self.new_trace();
            let span = self.open(Kind::Consumer, "process", pod, None);
            self.describe_message(span, topic, true);
            let links = messages.iter().map(|message| (message.trace, message.span));
            self.span(span).links.extend(links);
            self.span(span)
                .tell("messaging.batch.message_count", messages.len().to_string());
            let before = self.take_up(*consumer);
            let below = self.id(span);
            self.work(*consumer, pod, below);
            self.close(span, false);
            let node = self.node(*consumer);
            self.dial(node, topic);
            self.working_for = before;
            for message in messages {
                self.message(
                    message.producer,
                    node,
                    Happened::once(false),
                    Evidence::Link,
                );
                self.message(topic.broker, node, Happened::once(false), Evidence::Address);
            }
        }
    }
}
