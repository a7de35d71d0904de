import NIOCore

/// What an operator may set, by name: in the settings file and with `--set` alike.
package enum RelaySetting: String, CaseIterable {
    case listen
    case host
    case data
    case passwordFile = "password-file"
    case metrics
    case drain
    case queueMessages = "queue-messages"
    case totalSize = "total-size"
    case messageLifetime = "message-lifetime"
    case idleQueueLifetime = "idle-queue-lifetime"
    case newQueuesPerHour = "new-queues-per-hour"
    case storedPerNetwork = "stored-per-network"
    case connections
    case handshakeTimeout = "handshake-timeout"
    case idleTimeout = "idle-timeout"
}

/// How a relay is to run. Text in, values out; no files are read here.
package struct RelaySettings: Equatable, Sendable {
    /// A value that cannot be meant.
    package struct Unfit: Error, Equatable {
        package let message: String

        package init(message: String) { self.message = message }
    }

    package private(set) var listen = RelayConfiguration.Address(host: "127.0.0.1", port: 5223)
    package private(set) var host: String?
    package private(set) var data: String?
    package private(set) var passwordFile: String?
    package private(set) var metrics: RelayConfiguration.Address?
    package private(set) var drain = false
    package private(set) var queueMessages: Int?
    package private(set) var totalSize: Int?
    package private(set) var messageDays: Int?
    package private(set) var idleQueueDays: Int?
    package private(set) var newQueuesPerHour: Int?
    package private(set) var storedPerNetwork: Int?
    package private(set) var connections: Int?
    package private(set) var handshakeSeconds: Int?
    package private(set) var idleSeconds: Int?

    /// All as they are without being told.
    package init() {}

    /// Sets one of them.
    package mutating func set(_ setting: RelaySetting, to value: String) throws(Unfit) {
        switch setting {
        case .listen: listen = try Self.address(value, setting, example: "0.0.0.0:5223")
        case .host: host = try Self.text(value, setting)
        case .data: data = try Self.text(value, setting)
        case .passwordFile: passwordFile = try Self.text(value, setting)
        case .metrics: metrics = try Self.address(value, setting, example: "127.0.0.1:9223")
        case .drain: drain = try Self.flag(value, setting)
        case .queueMessages: queueMessages = try Self.count(value, setting)
        case .totalSize: totalSize = try Self.size(value, setting)
        case .messageLifetime: messageDays = try Self.days(value, setting)
        case .idleQueueLifetime: idleQueueDays = try Self.days(value, setting)
        case .newQueuesPerHour: newQueuesPerHour = try Self.count(value, setting)
        case .storedPerNetwork: storedPerNetwork = try Self.size(value, setting)
        case .connections: connections = try Self.count(value, setting)
        case .handshakeTimeout: handshakeSeconds = try Self.seconds(value, setting)
        case .idleTimeout: idleSeconds = try Self.seconds(value, setting)
        }
    }

    /// Sets the one of this name.
    package mutating func set(named name: String, to value: String) throws(Unfit) {
        guard let setting = RelaySetting(rawValue: name) else {
            let names = RelaySetting.allCases.map(\.rawValue).joined(separator: ", ")
            throw Unfit(message: "a relay has no setting '\(name)'; there are \(names)")
        }
        try set(setting, to: value)
    }

    /// Puts the limits into `configuration`; what is not set stays as it is there.
    package func apply(to configuration: inout RelayConfiguration) {
        configuration.isDraining = drain
        configuration.statusAddress = metrics
        if let queueMessages { configuration.messagesPerQueue = queueMessages }
        if let totalSize { configuration.totalBytes = totalSize }
        if let messageDays { configuration.messageLifetimeInDays = messageDays }
        if let idleQueueDays { configuration.idleQueueLifetimeInDays = idleQueueDays }
        if let newQueuesPerHour { configuration.newQueuesPerHourAndAddress = newQueuesPerHour }
        if let storedPerNetwork { configuration.storedBytesPerAddress = storedPerNetwork }
        if let connections { configuration.connectionLimit = connections }
        if let handshakeSeconds { configuration.handshakeTimeout = .seconds(Int64(handshakeSeconds)) }
        if let idleSeconds { configuration.idleTimeout = .seconds(Int64(idleSeconds)) }
    }

    /// The settings that differ from `other` and change only with the next start.
    package func restartsWanted(after other: RelaySettings) -> [RelaySetting] {
        var changed: [RelaySetting] = []
        if listen != other.listen { changed.append(.listen) }
        if host != other.host { changed.append(.host) }
        if data != other.data { changed.append(.data) }
        if metrics != other.metrics { changed.append(.metrics) }
        return changed
    }

    // MARK: - Values

    private static func unfit(_ value: String, _ setting: RelaySetting, _ wanted: String) -> Unfit {
        Unfit(message: "\(setting.rawValue) cannot be '\(value)': \(wanted)")
    }

    private static func text(_ value: String, _ setting: RelaySetting) throws(Unfit) -> String {
        guard !value.isEmpty else { throw unfit(value, setting, "it is empty") }
        return value
    }

    private static func flag(_ value: String, _ setting: RelaySetting) throws(Unfit) -> Bool {
        switch value {
        case "true": return true
        case "false": return false
        default: throw unfit(value, setting, "say true or false")
        }
    }

    private static func count(_ value: String, _ setting: RelaySetting) throws(Unfit) -> Int {
        guard let count = Int(value), (1...1_000_000_000).contains(count) else {
            throw unfit(value, setting, "a whole number from 1 on is wanted")
        }
        return count
    }

    private static func size(_ value: String, _ setting: RelaySetting) throws(Unfit) -> Int {
        guard let size = bytes(value[...]) else { throw unfit(value, setting, "a size is wanted, such as 10G or 500M") }
        return size
    }

    /// `10G` in bytes: K, M, G and T are powers of 1024.
    package static func bytes(_ text: Substring) -> Int? {
        let units: [Character: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
        guard let shift = units[text.last?.uppercased().first ?? " "], let count = Int(text.dropLast()), count > 0,
            count < 1 << 20
        else { return nil }
        return count << shift
    }

    private static func days(_ value: String, _ setting: RelaySetting) throws(Unfit) -> Int {
        guard value.last == "d", let days = Int(value.dropLast()), (1...36_500).contains(days) else {
            throw unfit(value, setting, "whole days are wanted, such as 21d")
        }
        return days
    }

    private static func seconds(_ value: String, _ setting: RelaySetting) throws(Unfit) -> Int {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = units[value.last ?? " "], let count = Int(value.dropLast()), (1...1_000_000).contains(count)
        else { throw unfit(value, setting, "a time is wanted, such as 10s or 6h") }
        return unit * count
    }

    private static func address(
        _ value: String, _ setting: RelaySetting, example: String
    ) throws(Unfit) -> RelayConfiguration.Address {
        guard let colon = value.lastIndex(of: ":"), let port = Int(value[value.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw unfit(value, setting, "HOST:PORT is wanted, for example \(example)") }
        var host = String(value[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        // Without a host: everywhere.
        return RelayConfiguration.Address(host: host.isEmpty ? "0.0.0.0" : host, port: port)
    }
}
