import ArgumentParser
import Glibc
import SMPRelay
import TOML

/// Where a relay's settings come from: a file, and flags.
extension RelayCommand {
    /// What the file and, before it, the flags say.
    func readSettings() throws -> RelaySettings {
        var settings = RelaySettings()
        if let config { try Self.read(config, into: &settings) }
        do throws(RelaySettings.Unfit) {
            for text in self.settings {
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else {
                    throw RelaySettings.Unfit(message: "'\(text)' is no NAME=VALUE")
                }
                try settings.set(named: String(parts[0]), to: String(parts[1]))
            }
            if let listen { try settings.set(.listen, to: listen) }
            if let data { try settings.set(.data, to: data) }
            if let host { try settings.set(.host, to: host) }
            if let passwordFile { try settings.set(.passwordFile, to: passwordFile) }
            if let metrics { try settings.set(.metrics, to: metrics) }
            if drain { try settings.set(.drain, to: "true") }
            if let count = quota?.messages { try settings.set(.queueMessages, to: "\(count)") }
            if let size = quota?.size { try settings.set(.totalSize, to: size) }
        } catch { throw CommandFailure.usage(error.message) }
        return settings
    }

    /// More than any settings take.
    private static let fileLimit = 1 << 16

    private static func read(_ path: String, into settings: inout RelaySettings) throws {
        guard let file = fopen(path, "re") else {
            let reason = String(cString: strerror(errno))
            throw CommandFailure(.notFound, "the settings file \(path) cannot be read: \(reason)")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: fileLimit + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0, count <= fileLimit else {
            throw CommandFailure.usage("\(path) is no file of settings")
        }
        do throws(TOMLError) {
            for entry in try TOMLDocument(Array(bytes[..<count])).entries {
                do throws(RelaySettings.Unfit) {
                    try settings.set(named: entry.key, to: try word(entry.value, entry.key))
                } catch { throw TOMLError(at: entry.keyPosition, error.message) }
            }
        } catch { throw CommandFailure.usage("\(path):\(error)") }
    }

    /// A value as the flags would say it.
    private static func word(_ value: TOMLValue, _ key: String) throws(RelaySettings.Unfit) -> String {
        switch value {
        case .string(let text): return text
        case .integer(let number): return "\(number)"
        case .boolean(let flag): return flag ? "true" : "false"
        case .array: throw RelaySettings.Unfit(message: "\(key) has one value")
        }
    }
}

/// `4096` messages a queue, `10G` bytes in all, or both: `4096,10G`.
struct RelayQuota: ExpressibleByArgument {
    var messages: Int?
    var size: String?

    init?(argument: String) {
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            if let count = Int(part), count > 0 {
                messages = count
            } else if RelaySettings.bytes(part) != nil {
                size = String(part)
            } else {
                return nil
            }
        }
    }
}
