import ArgumentParser
import ChunkIO
import Database
import Engine
import Glibc
import NIOCore
import NIOPosix
import SMPClient
import SMPProtocol
import TLSTransport

/// `sxfile doctor`.
struct DoctorCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check io_uring, memory, directories, permissions, clock, database and each relay.",
        discussion: """
            --rekey renews the keys of all connections, for a profile that was copied or restored from a backup; use it once, \
            on the machine that goes on with the profile.
            """)
    @Flag(help: "Renew the keys of all connections.") var rekey = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        if rekey {
            let profile = try session.openProfile(isOnlyLooking: true)
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
        examination.memory()
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
    mutating func tell(
        _ name: String, _ status: ExitStatus?, _ message: String, _ details: [(String, JSONText)] = []
    ) {
        if worst == nil { worst = status }
        session.console.result("\(status == nil ? "ok" : "BAD")\t\(name)\t\(PlainText.escaped(message))")
        session.console.json(
            "check", [("name", .string(name)), ("ok", .bool(status == nil)), ("message", .string(message))] + details)
    }

    /// Memory that may be locked: io_uring registers its buffers there.
    mutating func memory() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit)
        let isUnlimited = limit.rlim_cur == .max
        let text = isUnlimited ? "unlimited" : Quantity.size(UInt64(limit.rlim_cur))
        let isEnough = isUnlimited || limit.rlim_cur >= 4 << 20
        // Less is slower, not wrong.
        tell(
            "memlock", nil, isEnough ? text : "\(text): less than 4 MiB makes file input and output slower",
            [("bytes", isUnlimited ? .null : .bytes(UInt64(limit.rlim_cur)))])
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
            let profile = try session.openProfile(isOnlyLooking: true)
            tell("profile", nil, "\(profile.directory): directory and permissions")
            settings(profile)
            database(profile)
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

    mutating func settings(_ profile: Profile) {
        do {
            for setting in Setting.allCases { _ = try profile.setting(setting) }
            let exists = access(profile.settingsPath, F_OK) == 0
            tell("settings", nil, exists ? profile.settingsPath : "none in \(profile.settingsPath)")
        } catch {
            tell("settings", ExitStatus(error.kind), error.description)
        }
    }

    mutating func database(_ profile: Profile) {
        do {
            let problems = try profile.database.check()
            tell("database", problems.isEmpty ? nil : .failed, problems.first ?? "sound")
        } catch {
            tell("database", .failed, CommandFailure(error).message)
        }
    }

    mutating func relays(of profile: Profile) async {
        let servers: [SMPServer]
        let proxy: SOCKSProxy?
        do { (servers, proxy) = (try profile.relays(), try profile.proxy()) } catch {
            return tell("relay", ExitStatus(error.kind), error.description)
        }
        if let proxy { tell("proxy", nil, "\(proxy.withoutPassword): relays only, and no direct connections") }
        if servers.isEmpty { tell("relay", .failed, EngineError.noRelay.description) }
        for server in servers {
            let line = LiveLine(session.console, waiting: "asking \(server.display)")
            defer { line.end() }
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            do throws(SMPClientError) {
                let start = ContinuousClock.now
                let client = try await SMPClient.connect(
                    to: server, on: loop, timeouts: SMPClient.Timeouts(connect: .seconds(10), command: .seconds(10)),
                    route: NetworkRoute(proxy: proxy), logger: session.logger("relay"))
                let connected = ContinuousClock.now
                _ = try await client.perform(.ping, entity: [], authorization: .none)
                let time = Int((ContinuousClock.now - connected) / .milliseconds(1))
                let whole = Int((connected - start) / .milliseconds(1))
                tell(
                    "relay", nil,
                    "\(server.display): SMP version \(client.version), connected in \(whole) ms, round trip \(time) ms",
                    [
                        ("address", .string(server.display)), ("version", .number(Int64(client.version))),
                        ("connectMilliseconds", .number(Int64(whole))), ("roundTripMilliseconds", .number(Int64(time))),
                    ])
                client.close()
            } catch {
                switch error {
                case .identity: tell("relay", .integrity, "\(server.display): \(error)")
                case .unreachable, .incompatible, .garbage, .timedOut, .closed:
                    tell("relay", .relay, "\(server.display): \(error)")
                }
            }
        }
    }
}
