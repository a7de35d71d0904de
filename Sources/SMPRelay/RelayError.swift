import Glibc
import TLSTransport

/// What keeps a relay from starting or from storing.
public enum RelayError: Error, Equatable, Sendable {
    /// A file or directory of the relay's data at `path` cannot be made, opened or locked.
    case directory(path: String, errno: Int32)
    /// Another relay runs on the data directory `path`.
    case inUse(path: String)
    /// A message cannot be written or read; `errno` as the system gave it.
    case spool(errno: Int32)
    /// SQLite refused; its own words.
    case database(String)
    /// The database was written by a later version of the program.
    case databaseNewer
    /// The certificates cannot be made or read; the words of the part that failed.
    case certificate(String)
    /// The address cannot be listened on.
    case cannotListen(host: String, port: Int, reason: String)
    /// A create password with a character that an address cannot carry: printable ASCII but space, `@`, `:` and `/`.
    case password

    /// What an attempt to listen ended with.
    init(listening error: any Error, host: String, port: Int) {
        // The place is named once.
        if case .unreachable(_, _, let reason)? = error as? TLSError {
            self = .cannotListen(host: host, port: port, reason: reason)
        } else {
            self = .cannotListen(host: host, port: port, reason: "\(error)")
        }
    }

    /// Whether the disk is full, by space or by quota.
    var isOutOfSpace: Bool {
        if case .spool(let code) = self { code == ENOSPC || code == EDQUOT } else { false }
    }
}

extension RelayError: CustomStringConvertible {
    /// One sentence that an operator can act on.
    public var description: String {
        switch self {
        case .directory(let path, let code): "cannot use \(path): \(systemText(code))"
        case .inUse(let path): "another relay already runs on this data: it holds \(path)"
        case .spool(let code): "cannot store messages: \(systemText(code))"
        case .database(let reason): "the relay's database failed: \(reason)"
        case .databaseNewer: "the relay's database belongs to a newer version of this program"
        case .certificate(let reason): "the relay's certificates cannot be used: \(reason)"
        case .cannotListen(let host, let port, let reason): "cannot listen on \(host):\(port): \(reason)"
        case .password: "the create password may hold printable characters only, without space, @, : and /"
        }
    }
}

/// The system's words for an error number.
func systemText(_ code: Int32) -> String {
    guard let text = strerror(code) else { return "error \(code)" }
    return String(cString: text)
}
