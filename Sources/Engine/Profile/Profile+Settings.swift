import GRDB
public import SMPProtocol
import SystemPackage
public import TLSTransport

/// Where a value comes from.
public enum SettingOrigin: Equatable, Sendable {
    /// An option of the command.
    case option
    /// This environment variable.
    case environment(String)
    /// This line of the configuration file.
    case file(String, line: Int)
    /// Nobody set it.
    case builtIn
}

extension Profile {
    /// The configuration file, whether it exists or not.
    public var settingsPath: String { settingsFile.path.string }

    /// The value in force: the option's, the environment's, the file's, or the standard one.
    /// - Throws: `badSetting`, `badAddress`, `permissions`.
    public func setting(_ setting: Setting) throws(EngineError) -> String? {
        try settingWithOrigin(setting).value
    }

    /// The value in force, and where it comes from.
    /// - Throws: `badSetting`, `badAddress`, `permissions`.
    public func settingWithOrigin(_ setting: Setting) throws(EngineError) -> (value: String?, origin: SettingOrigin) {
        if let value = options[setting] { return (value, .option) }
        if let value = environment[setting.variable], !value.isEmpty {
            do throws(EngineError) { try setting.check(value) } catch {
                throw .badSetting("\(setting.variable): \(error)")
            }
            return (value, .environment(setting.variable))
        }
        if let value = try settingsFile.values()[setting] {
            return (value.text, .file(settingsPath, line: value.line))
        }
        return (setting.standard, .builtIn)
    }

    /// Sets a value in the configuration file, or with nil takes it out.
    /// - Throws: `badAddress`, `badSetting`, `permissions`.
    public func set(_ setting: Setting, _ value: String?) throws(EngineError) {
        if let value { try setting.check(value) }
        try settingsFile.set([(setting, value)])
    }

    /// The relays on which new queues are made; none if none is set.
    /// - Throws: `badAddress`, `badSetting`, `permissions`.
    public func relays() throws(EngineError) -> [SMPServer] {
        guard let text = try setting(.relay) else { return [] }
        return try Self.servers(text)
    }

    /// The proxy by which relays are reached.
    /// - Throws: `badSetting`, `permissions`.
    public func proxy() throws(EngineError) -> SOCKSProxy? { try setting(.proxy).flatMap { SOCKSProxy($0) } }

    /// The most bytes a second, each way; nil for no limit.
    /// - Throws: `badSetting`, `permissions`.
    public func limitRate() throws(EngineError) -> UInt64? {
        try setting(.limitRate).flatMap { ByteCount($0)?.bytes }
    }

    /// The largest inline file that we take, in bytes.
    func inlineLimit() throws(EngineError) -> UInt64 {
        try setting(.inlineLimit).flatMap { ByteCount($0)?.bytes } ?? 1_048_576
    }

    /// Settings were rows of the database once: they go to the file, where what it has already stays.
    func carrySettingsOver() throws(EngineError) {
        let rows = try read { db in
            try Row.fetchAll(db, sql: "SELECT key, value FROM meta WHERE key LIKE 'setting.%'")
        }
        guard !rows.isEmpty else { return }
        var changes: [(Setting, String?)] = []
        for row in rows {
            let key: String = row["key"]
            let value: String = row["value"]
            // A value that is none any more is left behind.
            if let setting = Setting(rawValue: String(key.dropFirst("setting.".count))),
                (try? setting.check(value)) != nil
            {
                changes.append((setting, value))
            }
        }
        // In the order of the manual, whatever that of the rows.
        changes.sort { $0.0.rank < $1.0.rank }
        try settingsFile.set(changes, keepsOthers: true)
        try write { db in try db.execute(sql: "DELETE FROM meta WHERE key LIKE 'setting.%'") }
    }

    /// The servers that `text` names.
    static func servers(_ text: String) throws(EngineError) -> [SMPServer] {
        var servers: [SMPServer] = []
        for part in addresses(in: text) {
            guard let server = try? SMPServer(part) else { throw .badAddress(part) }
            servers.append(server)
        }
        return servers
    }

    /// Addresses of one relay hold commas too (several hosts): a new one begins with its scheme.
    static func addresses(in text: String) -> [String] {
        var addresses: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: true) {
            let part = String(part.drop { $0 == " " })
            if part.contains("://") || addresses.isEmpty {
                addresses.append(part)
            } else {
                addresses[addresses.count - 1] += "," + part
            }
        }
        return addresses
    }
}

extension Setting {
    fileprivate var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
