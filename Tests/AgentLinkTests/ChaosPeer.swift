import Database
import Foundation
import GRDB
import Logging
import NIOCore
import SMPClient
import SMPProtocol
import Testing

@testable import AgentLink

/// An engine in small: numbered messages, stored and bulk, over a link that is killed, stopped and started again.
actor ChaosPeer {
    let name: String
    let database: ProfileDatabase
    private(set) var link: AgentLink
    private var reader: Task<Void, Never>?
    private var senders: [Task<Void, Never>] = []
    private let make: @Sendable () throws -> AgentLink
    private var dice: Dice

    private(set) var contact: ConnectionID?
    private(set) var file: ConnectionID?

    private var bulkSent = 0
    private(set) var acknowledged: [Int: Int] = [:]
    /// What a kill may repeat: an acknowledgement that the relay has not seen; and, since the chain is stored every 128
    /// messages, what the sender sent twice because the relay's OK was lost.
    private var mayRepeat: Set<Int> = []
    private(set) var gotInMemory = 0
    private(set) var problems: [String] = []
    private var states: [ConnectionID: String] = [:]
    var isAcknowledging = true

    init(_ name: String, path: String, relay: String, group: any EventLoopGroup, seed: UInt64) throws {
        self.name = name
        let database = try ProfileDatabase(path: path)
        self.database = database
        dice = Dice(seed: seed)
        var logger = Logger(label: name)
        logger.logLevel = .critical
        var configuration = AgentLink.Configuration(
            servers: [try SMPServer(relay)], bootID: "chaos", isBulk: { $0.starts(with: Array(" x.msg.file ".utf8)) })
        configuration.timeouts.command = .seconds(2)
        configuration.timeouts.connect = .seconds(2)
        configuration.retryUnit = .milliseconds(10)
        let (fixed, log) = (configuration, logger)
        make = { AgentLink(database: database, configuration: fixed, group: group, logger: log) }
        link = try make()
        try database.write { db in
            try db.execute(sql: "INSERT OR IGNORE INTO meta (key, value) VALUES ('sent', '0'), ('got', '0')")
        }
    }

    func start() async throws {
        link = try make()
        let events = link.events
        reader = Task { for await event in events { await self.handle(event) } }
        try await link.start()
    }

    func kill() async {
        await link.abandon()
        await rest()
        mayRepeat.formUnion(acknowledged.keys)
    }

    func stop() async {
        await link.stop()
        await rest()
    }

    private func rest() async {
        for sender in senders { await sender.value }
        senders = []
        reader?.cancel()
        await reader?.value
    }

    // MARK: Making connections

    func initiate(_ kind: ConnectionKind) async throws -> String {
        let id = try database.write { db in try AgentStore.insertInitiator(db, kind: kind, now: 0) }
        set(kind, id)
        await link.wake(id)
        while true {
            if let link = try database.read({ db in try AgentStore.link(db, id) }) { return link }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func join(_ kind: ConnectionKind, _ text: String) async throws {
        let id = try database.write { db in
            try AgentStore.insertJoiner(db, kind: kind, link: text, info: Array(name.utf8), now: 0)
        }
        set(kind, id)
        await link.wake(id)
    }

    private func set(_ kind: ConnectionKind, _ id: ConnectionID) {
        if kind == .contact { contact = id } else { file = id }
    }

    func state(_ kind: ConnectionKind) throws -> ConnectionState? {
        guard let id = kind == .contact ? contact : file else { return nil }
        return try database.read { db in try AgentStore.state(db, id) }
    }

    // MARK: Sending

    func send(stored: Int, bulk: Int) {
        let link = link
        if let contact { senders.append(Task { await self.sendStored(upTo: stored, link, contact) }) }
        if let file { senders.append(Task { await self.sendBulk(upTo: bulk, link, file) }) }
    }

    private func sendStored(upTo count: Int, _ link: AgentLink, _ id: ConnectionID) async {
        do {
            var number = try value("sent")
            while number < count {
                number += 1
                let next = number
                let size = next % 10 == 0 ? 20_000 + next * 100 : next * 7
                try await link.send(Self.body(" x.text \(next) ", size), on: id) { db, _ in
                    try db.execute(sql: "UPDATE meta SET value = ? WHERE key = 'sent'", arguments: ["\(next)"])
                }
                if Int.random(in: 0..<4, using: &dice) == 0 { try await Task.sleep(for: .milliseconds(2)) }
            }
        } catch AgentLinkError.stopped {
        } catch { problems.append("\(name) send: \(error)") }
    }

    private func sendBulk(upTo count: Int, _ link: AgentLink, _ id: ConnectionID) async {
        do {
            while bulkSent < count {
                let next = bulkSent + 1
                _ = try await link.sendBulk(
                    [Array(" x.msg.file \(next) ".utf8), Self.body("", next * 997 % 50_000)], on: id)
                bulkSent = next
            }
        } catch AgentLinkError.stopped {
        } catch { problems.append("\(name) sendBulk: \(error)") }
    }

    static func body(_ head: String, _ size: Int) -> [UInt8] {
        Array(head.utf8) + [UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size)
    }

    // MARK: Receiving

    private func handle(_ event: AgentEvent) async {
        do {
            switch event {
            case .confirmation(let id, _):
                try database.write { db in try AgentStore.allow(db, id, info: []) }
                await link.wake(id)
            case .message(_, let inbound, _, _, let body): try take(inbound, body)
            case .bulk(_, _, _, let body, let token): await take(body, token)
            case .failed(let id, let error): problems.append("\(name): connection \(id) failed: \(error)")
            case .undecryptable(let id): problems.append("\(name): connection \(id) cannot decrypt")
            case .subscriptionTaken(let id): problems.append("\(name): connection \(id) was taken")
            default: break
            }
        } catch { problems.append("\(name): \(error)") }
    }

    private func take(_ inbound: Int64, _ body: [UInt8]) throws {
        let number = Self.number(body, word: 2)
        let got = try database.write { db in
            try AgentStore.deleteInbound(db, inbound)
            // Told again although it was handled.
            guard db.changesCount == 1 else { return Int?.none }
            let got = Int(try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'got'") ?? "") ?? 0
            try db.execute(sql: "UPDATE meta SET value = ? WHERE key = 'got'", arguments: ["\(number)"])
            return got
        }
        guard let got else { return }
        if number != got + 1 { problems.append("\(name): message \(number) after \(got)") }
        gotInMemory = number
    }

    private func take(_ body: [UInt8], _ token: BulkToken) async {
        let number = Self.number(body, word: 2)
        let head = " x.msg.file \(number) "
        if body.count != head.utf8.count + number * 997 % 50_000 {
            problems.append("\(name): bulk \(number) is damaged")
        }
        if Int.random(in: 0..<3, using: &dice) == 0 { try? await Task.sleep(for: .milliseconds(3)) }
        guard isAcknowledging, !Task.isCancelled else { return }
        do {
            try await link.acknowledge(token)
            acknowledged[number, default: 0] += 1
        } catch { problems.append("\(name) acknowledge: \(error)") }
    }

    func hold(_ isHolding: Bool) { isAcknowledging = !isHolding }

    private static func number(_ body: [UInt8], word: Int) -> Int {
        let words = body.prefix(40).split(
            separator: UInt8(ascii: " "), maxSplits: word, omittingEmptySubsequences: true)
        return words.count > 1 ? Int(String(decoding: words[1], as: UTF8.self)) ?? -1 : -1
    }

    private func value(_ key: String) throws -> Int {
        try database.read { db in
            Int(try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [key]) ?? "") ?? 0
        }
    }

    func got() throws -> Int { try value("got") }
    func sentBulk() -> Int { bulkSent }

    /// Bulk messages acknowledged more than once without a kill to explain it.
    func repeated() -> [Int] {
        acknowledged.filter { $0.value > 1 && !mayRepeat.contains($0.key) }.map(\.key).sorted()
    }
}
