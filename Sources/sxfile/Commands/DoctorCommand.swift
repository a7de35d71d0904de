import ArgumentParser
import ChunkIO
import Engine
import Glibc
import NIOCore
import NIOPosix
import SMPClient
import SMPProtocol

/// `sxfile doctor`.
struct DoctorCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check io_uring, directories, permissions, clock and each relay.",
        discussion: """
            --rekey renews the keys of all connections, for a profile that was copied or restored from a backup; use it once, \
            on the machine that goes on with the profile.
            """)
    @Flag(help: "Renew the keys of all connections.") var rekey = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        if rekey {
            let profile = try session.openProfile()
            let line = LiveLine(session.console, waiting: "renewing the keys")
            defer { line.end() }
            try await session.host(profile).rekey()
            line.end()
            session.console.result("ok\tkeys\trenewed; the other sides follow when they are on line")
            session.console.json(
                "check", [("name", .string("keys")), ("ok", .bool(true)), ("message", .string("renewed"))])
            return
        }
        var examination = Examination(session: session)
        examination.tell("io_uring", nil, IOService.shared.backendDescription)
        examination.clock()
        examination.downloads()
        if let profile = examination.profile() { await examination.relays(of: profile) }
        if let worst = examination.worst { throw ExitCode(worst.rawValue) }
    }
}

/// Looks at one thing after the other and says what it finds.
private struct Examination {
    let session: Session
    private(set) var worst: ExitStatus?

    init(session: Session) { self.session = session }

    /// A line: ok if there is no status, else what is wrong.
    mutating func tell(_ name: String, _ status: ExitStatus?, _ message: String) {
        if worst == nil { worst = status }
        session.console.result("\(status == nil ? "ok" : "BAD")\t\(name)\t\(PlainText.escaped(message))")
        session.console.json(
            "check", [("name", .string(name)), ("ok", .bool(status == nil)), ("message", .string(message))])
    }

    mutating func clock() {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let text = Quantity.timestamp(Int64(now.tv_sec))
        // 2024 to 2100: outside of that the clock was never set.
        let isSet = (1_704_067_200..<4_102_444_800).contains(Int64(now.tv_sec))
        tell("clock", isSet ? nil : .failed, isSet ? text : "\(text) cannot be right: certificates depend on it")
    }

    mutating func downloads() {
        do {
            let destination = try Destination.downloads()
            let room = try destination.availableBytes()
            tell("downloads", nil, "\(destination.directoryPath), \(Quantity.size(UInt64(max(room, 0)))) free")
        } catch {
            tell("downloads", .destination, "\(error)")
        }
    }

    mutating func profile() -> Profile? {
        do {
            let profile = try session.openProfile()
            tell("profile", nil, "\(profile.directory): directory, permissions and database")
            do {
                try profile.checkIdentity()
                tell("keys", nil, "the database is where they were made")
            } catch {
                tell("keys", .failed, error.description)
            }
            return profile
        } catch {
            tell("profile", ExitStatus(error.kind), error.description)
            return nil
        }
    }

    mutating func relays(of profile: Profile) async {
        let servers: [SMPServer]
        do { servers = try profile.relays() } catch {
            return tell("relay", ExitStatus(error.kind), error.description)
        }
        if servers.isEmpty { tell("relay", .failed, EngineError.noRelay.description) }
        for server in servers {
            let line = LiveLine(session.console, waiting: "asking \(server.display)")
            defer { line.end() }
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            do throws(SMPClientError) {
                let start = ContinuousClock.now
                let client = try await SMPClient.connect(
                    to: server, on: loop, timeouts: SMPClient.Timeouts(connect: .seconds(10), command: .seconds(10)),
                    logger: session.logger("relay"))
                let time = (ContinuousClock.now - start) / .milliseconds(1)
                tell("relay", nil, "\(server.display): SMP version \(client.version), \(Int(time)) ms")
                client.close()
            } catch {
                switch error {
                case .identity: tell("relay", .integrity, error.description)
                case .unreachable, .incompatible, .garbage, .timedOut, .closed:
                    tell("relay", .relay, error.description)
                }
            }
        }
    }
}
