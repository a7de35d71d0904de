/// How a relay is at one moment, for operators.
struct RelayStatus: Sendable {
    /// What the core says; all zero once the relay stops.
    struct Core: Sendable {
        var counters = RelayCounters()
        var connections = 0
        var subscriptions = 0
        var queues = 0
        var queuesInMemory = 0
        var storedBytes = 0
        var storedBytesLimit = 0
        var isDraining = false
    }

    var core: Core
    /// The version of the program.
    var version: String
    /// How long it took to sync the records.
    var syncs: Histogram
    var process: ProcessFigures
    /// Bytes that the disk has left for messages; nil if it does not say.
    var diskFree: Int?
    /// What is wrong, if anything is.
    var problem: String?
}

extension RelayCore {
    /// What an operator may know.
    var status: RelayStatus.Core {
        RelayStatus.Core(
            counters: counters, connections: connections.count,
            subscriptions: connections.values.reduce(0) { $0 + $1.queues.count }, queues: store.queueCount,
            queuesInMemory: store.activeCount, storedBytes: store.storedBytes, storedBytesLimit: limits.totalBytes,
            isDraining: isDraining)
    }
}

extension RelayStatus {
    /// The status in the text format of Prometheus, version 0.0.4.
    var metrics: String {
        var text = MetricsText()
        let (core, counters) = (self.core, self.core.counters)
        text.gauge("sxfile_relay_info", "The program that runs.", 1, labels: [("version", version)])
        text.gauge("sxfile_relay_healthy", "Whether nothing is wrong.", problem == nil ? 1 : 0)
        text.gauge("sxfile_relay_draining", "Whether no new queues are made.", core.isDraining ? 1 : 0)
        text.gauge("sxfile_relay_connections", "Open connections.", core.connections)
        text.gauge("sxfile_relay_subscriptions", "Queues that somebody receives from now.", core.subscriptions)
        text.gauge("sxfile_relay_queues", "Queues.", core.queues)
        text.gauge("sxfile_relay_queues_in_memory", "Queues in use, which memory holds.", core.queuesInMemory)
        text.gauge(
            "sxfile_relay_stored_messages", "Messages that wait for their recipients.",
            core.storedBytes / SpoolLayout.slotCount)
        text.gauge("sxfile_relay_stored_bytes", "Bytes that these take.", core.storedBytes)
        text.gauge("sxfile_relay_stored_bytes_limit", "Bytes that all messages may take.", core.storedBytesLimit)
        if let diskFree {
            text.gauge("sxfile_relay_disk_free_bytes", "Bytes that the disk has left.", diskFree)
        }
        text.counter("sxfile_relay_connections_total", "Connections let in.", counters.connections)
        text.counter("sxfile_relay_queues_made_total", "Queues made.", counters.queuesMade)
        text.counter("sxfile_relay_queues_deleted_total", "Queues deleted by their owners.", counters.queuesDeleted)
        text.counter("sxfile_relay_queues_expired_total", "Queues unused for too long.", counters.queuesExpired)
        text.counter("sxfile_relay_messages_received_total", "Messages taken.", counters.messagesReceived)
        text.counter("sxfile_relay_received_bytes_total", "Bytes of their bodies.", counters.bytesReceived)
        text.counter(
            "sxfile_relay_messages_delivered_total", "Messages handed to recipients.", counters.messagesDelivered)
        text.counter(
            "sxfile_relay_messages_acknowledged_total", "Messages that recipients have taken.",
            counters.messagesAcknowledged)
        text.counter(
            "sxfile_relay_messages_expired_total", "Messages that nobody fetched in time.", counters.messagesExpired)
        text.counter(
            "sxfile_relay_storage_failures_total", "Failures of disk or database.", counters.storageFailures)
        text.counters(
            "sxfile_relay_refusals_total", "What was refused, by reason.", label: "reason",
            RefusalReason.allCases.map { ($0.rawValue, counters.refusals[$0, default: 0]) })
        text.histogram("sxfile_relay_sync_seconds", "How long it took to sync the records of queues.", syncs)
        process.write(to: &text)
        return text.text
    }

    /// What a health check reads: whether all is well, and a line that says so.
    var health: (isGood: Bool, text: String) {
        if let problem { return (false, problem + "\n") }
        return (true, core.isDraining ? "draining\n" : "ok\n")
    }
}
