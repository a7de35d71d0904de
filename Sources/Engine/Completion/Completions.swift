import CLinux
import Database
import GRDB
import Glibc
import Guarding
import Logging

/// What is done when a transfer is complete: the user's hook is started, the desktop is told.
///
/// The row that says complete says that this is due, in the same transaction, and says so until the hook was started: a
/// crash in between makes the next run start it, at worst a second time. Hooks go their own way from then on; one that hangs
/// or fails holds nobody up.
final class Completions: Sendable {
    /// How many may be at work at a time; the others wait.
    static let limit = 8

    private let profile: Profile
    private let logger: Logger
    /// What was started, by process.
    private let started = Guarded<[pid_t: Int64]>([:])

    init(profile: Profile, logger: Logger) {
        self.profile = profile
        self.logger = logger
    }

    /// Takes leave of what has ended, and starts what is due.
    func look() {
        reap()
        let due = try? profile.read { db in
            try Transfer.fetchAll(db, where: "hookDue = 1").prefix(Self.limit)
        }
        guard let due, !due.isEmpty else { return }
        let hook = (try? profile.setting(.hook)) ?? nil
        let isNotified = (try? profile.setting(.notify)) == "yes"
        for transfer in due {
            if let hook {
                guard started.withLock({ $0.count }) < Self.limit else { return }
                start(hook, for: transfer)
            }
            if isNotified { notify(of: transfer) }
            _ = try? profile.write { db in
                try db.execute(sql: "UPDATE transfers SET hookDue = 0 WHERE id = ?", arguments: [transfer.id])
            }
        }
    }

    private func start(_ hook: String, for transfer: Transfer) {
        do {
            try start(HookCommand(hook).words, environment(for: transfer), for: transfer.id)
        } catch {
            logger.warning("the hook for transfer \(transfer.id) was not started: \(error)")
        }
    }

    private func start(_ words: [String], _ environment: [String: String], for id: Int64) throws(EngineError) {
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var process: pid_t = 0
        let code = sx_spawn_detached(&process, words[0], &arguments, &variables)
        guard code == 0 else { throw .system("\(words[0]): \(String(cString: strerror(code)))") }
        started.withLock { $0[process] = id }
    }

    private func reap() {
        for (process, id) in started.withLock({ $0 }) {
            var status: Int32 = 0
            guard waitpid(process, &status, WNOHANG) != 0 else { continue }
            started.withLock { _ = $0.removeValue(forKey: process) }
            if status != 0 {
                let how =
                    status & 0x7F == 0 ? "ended with \((status >> 8) & 0xFF)" : "was ended by signal \(status & 0x7F)"
                logger.warning("the hook for transfer \(id) \(how)")
            }
        }
    }

    /// This process's environment, and what the transfer is.
    private func environment(for transfer: Transfer) -> [String: String] {
        var environment = profile.environment
        let facts = [
            "ID": "\(transfer.id)", "STATE": transfer.state.rawValue, "DIRECTION": transfer.direction.rawValue,
            "PEER": transfer.peer, "FILE_NAME": transfer.name, "SIZE": transfer.size.map { "\($0)" } ?? "",
            "PATH": transfer.path ?? "",
        ]
        for (name, value) in facts { environment["SXFILE_" + name] = value.filter { $0 != "\0" } }
        return environment
    }

    // MARK: - The desktop

    /// Says it through the session bus; where there is none, or no notify-send, nothing is said.
    private func notify(of transfer: Transfer) {
        guard !(profile.environment["DBUS_SESSION_BUS_ADDRESS"] ?? "").isEmpty,
            let program = Self.find(
                "notify-send", in: profile.environment["PATH"] ?? "/usr/bin:/bin")
        else { return }
        let text =
            transfer.direction == .send
            ? "\(transfer.peer) has \(transfer.name)" : "\(transfer.name) from \(transfer.peer) is complete"
        do {
            try start(
                [program, "--app-name=sxfile", "--", "sxfile", Self.markup(text)], profile.environment,
                for: transfer.id)
        } catch {
            logger.warning("the desktop was not told of transfer \(transfer.id): \(error)")
        }
    }

    private static func find(_ name: String, in path: String) -> String? {
        path.split(separator: ":").map { "\($0)/\(name)" }.first { $0.hasPrefix("/") && access($0, X_OK) == 0 }
    }

    /// The text of a notification may hold markup: a name of somebody else's is to be none.
    static func markup(_ text: String) -> String {
        var plain = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": plain += "&lt;"
            case ">": plain += "&gt;"
            case "&": plain += "&amp;"
            default:
                let category = scalar.properties.generalCategory
                let isShown = ![.control, .format, .lineSeparator, .paragraphSeparator].contains(category)
                plain.unicodeScalars.append(isShown ? scalar : "\u{FFFD}")
            }
        }
        return plain
    }
}

extension EngineHost {
    /// Starts what is due for transfers that became complete without an engine. One that runs does it itself.
    public func startHooks() {
        if !isEngineRunning { Completions(profile: profile, logger: logger).look() }
    }
}
