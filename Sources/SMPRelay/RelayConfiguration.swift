public import NIOCore
import SMPProtocol

/// How a relay runs.
public struct RelayConfiguration: Sendable {
    /// Where to listen; port 0 picks one.
    public struct Address: Sendable, Equatable {
        /// An address or name of this machine.
        public var host: String
        /// A TCP port.
        public var port: Int

        /// This port of this host.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// Where queues, messages and certificates are kept; made if missing. Its parent must exist.
    public var directory: String
    /// The address or name to listen on.
    public var host: String
    /// The TCP port to listen on; 0 picks one.
    public var port: Int
    /// The name in the relay's address; `host` if nil.
    public var advertisedHost: String?
    /// What a client must say to make queues: printable ASCII without space, `@`, `:` and `/`. Nil lets everyone.
    public var createPassword: String?
    /// Where metrics and health are served; nowhere if nil.
    public var statusAddress: Address?
    /// The version of the program, for the metrics.
    public var version = ""
    /// Whether no new queues are made; those there are go on.
    public var isDraining = false
    /// Messages in a secured queue.
    public var messagesPerQueue = 4096
    /// Bytes of all stored messages, each counted as 16 KiB.
    public var totalBytes = 10 << 30
    /// Messages older than this are dropped.
    public var messageLifetimeInDays = 21
    /// Queues not used for this long are deleted.
    public var idleQueueLifetimeInDays = 90
    /// Queues that a /24 (IPv4) or /56 (IPv6) may make in an hour; loopback is not limited.
    public var newQueuesPerHourAndAddress = 1000
    /// Bytes that a /24 or /56 may keep stored; loopback is not limited.
    public var storedBytesPerAddress = 2 << 30
    /// Connections at a time; more are closed at once.
    public var connectionLimit = 5000
    /// From a connection's start to the end of its SMP handshake.
    public var handshakeTimeout: TimeAmount = .seconds(10)
    /// A connection that receives from no queue and says nothing for this long is closed.
    public var idleTimeout: TimeAmount = .hours(6)
    /// Whether our own clients are offered a delivery window; without it they meet a relay like any other.
    package var offersDeliveryWindow = true

    /// A relay on `host` and `port` with its data in `directory`.
    public init(directory: String, host: String = "127.0.0.1", port: Int = 5223) {
        self.directory = directory
        self.host = host
        self.port = port
    }

    /// Refuses what no relay can run with.
    func check() throws(RelayError) {
        if let password = createPassword, !SMPServer.isPassword(password) { throw .password }
    }

    var queueLimits: QueueLimits {
        var limits = QueueLimits()
        limits.messagesPerQueue = messagesPerQueue
        limits.messagesUnsecured = min(limits.messagesUnsecured, messagesPerQueue)
        limits.messagesPublic = min(limits.messagesPublic, messagesPerQueue)
        limits.totalBytes = totalBytes
        limits.messageLifetimeInDays = messageLifetimeInDays
        limits.idleQueueLifetimeInDays = idleQueueLifetimeInDays
        limits.newQueuesPerHour = newQueuesPerHourAndAddress
        limits.storedBytesPerAddress = storedBytesPerAddress
        return limits
    }
}
