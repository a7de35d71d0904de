import Glibc
import Guarding
import SystemPackage
import TLSTransport
import TOML

/// The configuration file of a profile: what it says, and changes that keep its comments.
final class SettingsFile: Sendable {
    /// A value with its line.
    struct Value: Equatable, Sendable {
        var text: String
        var line: Int
    }

    /// What tells a file that was changed.
    private struct Stamp: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var modified: Int64
        var changed: Int64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
            changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
        }
    }

    /// Larger files are a mistake.
    private static let limit = 1 << 20

    let path: FilePath
    private let known = Guarded<(stamp: Stamp, values: [Setting: Value])?>(nil)

    init(_ path: FilePath) { self.path = path }

    /// What the file says now; nothing if there is none.
    /// - Throws: `badSetting` with path, line and column for what is not understood, `permissions`.
    func values() throws(EngineError) -> [Setting: Value] {
        var status = stat()
        guard stat(path.string, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return [:] }
            throw .permissions("\(path) cannot be read: \(Errno(rawValue: errno))")
        }
        if let known = known.withLock({ $0 }), known.stamp == Stamp(status) { return known.values }
        guard let content = try read() else { return [:] }
        let values = try values(of: document(content.bytes))
        if let proxy = values[.proxy].flatMap({ SOCKSProxy($0.text) }), proxy.password != nil,
            content.status.st_mode & 0o044 != 0
        {
            throw .permissions("\(path) holds a password and can be read by others; run `chmod 600 \(path)`")
        }
        known.withLock { $0 = (Stamp(content.status), values) }
        return values
    }

    /// Gives settings values, or with nil takes them out; everything else in the file stays as it is.
    /// - Parameter keepsOthers: leaves alone what the file has already.
    func set(_ changes: [(Setting, String?)], keepsOthers: Bool = false) throws(EngineError) {
        let directory = path.removingLastComponent()
        try make(directory)
        // Two changes at a time would lose one.
        let lock = open(directory.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else { throw failure("written") }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 { guard errno == EINTR else { throw failure("locked") } }
        let content = try read()
        var document = try document(content?.bytes ?? [])
        // A file that has a mistake is not written over.
        _ = try values(of: document)
        for (setting, text) in changes where !(keepsOthers && document[setting.path] != nil) {
            do { try document.set(setting.path, to: text.map { setting.value(of: $0) }) } catch { throw bad(error) }
        }
        guard content != nil || !document.entries.isEmpty else { return }
        try write(Array(document.text.utf8), mode: content.map { $0.status.st_mode & 0o777 } ?? 0o600)
    }

    /// Makes the file of an imported profile.
    func restore(_ bytes: [UInt8]) throws(EngineError) {
        try make(path.removingLastComponent())
        try write(bytes, mode: 0o600)
    }

    // MARK: - Understanding it

    private func document(_ bytes: [UInt8]) throws(EngineError) -> TOMLDocument {
        do { return try TOMLDocument(bytes) } catch { throw bad(error) }
    }

    private func values(of document: TOMLDocument) throws(EngineError) -> [Setting: Value] {
        var values: [Setting: Value] = [:]
        for header in document.headers where !Setting.allCases.contains(where: { $0.path.starts(with: header.path) }) {
            throw bad(TOMLError(at: header.position, "there is no section [\(header.path.joined(separator: "."))]"))
        }
        for entry in document.entries {
            guard let setting = Setting.allCases.first(where: { $0.path == entry.path }) else {
                let known = Setting.allCases.map(\.rawValue).joined(separator: ", ")
                throw bad(
                    TOMLError(at: entry.keyPosition, "there is no setting '\(entry.key)'; there are \(known)"))
            }
            guard let text = setting.text(of: entry.value) else {
                throw bad(
                    TOMLError(
                        at: entry.valuePosition, "\(setting.rawValue) is \(setting.kind), not \(entry.value.kind)")
                )
            }
            do throws(EngineError) { try setting.check(text) } catch {
                throw bad(TOMLError(at: entry.valuePosition, error.description))
            }
            values[setting] = Value(text: text, line: entry.keyPosition.line)
        }
        return values
    }

    private func bad(_ error: TOMLError) -> EngineError { .badSetting("\(path):\(error)") }

    private func failure(_ what: String) -> EngineError {
        .permissions("\(path) cannot be \(what): \(Errno(rawValue: errno))")
    }

    // MARK: - Reading and writing

    /// The file's bytes; nil if there is none.
    private func read() throws(EngineError) -> (bytes: [UInt8], status: stat)? {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure("read")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("read") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .permissions("\(path) is no regular file") }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw .permissions("\(path) belongs to another user")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw .permissions("\(path) can be written by others; run `chmod go-w \(path)`")
        }
        guard status.st_size <= Self.limit else { throw .badSetting("\(path) is too large for a configuration file") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= Self.limit {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read") }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return (bytes, status)
    }

    private func make(_ directory: FilePath) throws(EngineError) {
        ProfileDirectory.makeParents(of: directory)
        guard mkdir(directory.string, 0o700) == 0 || errno == EEXIST else {
            throw .permissions("the directory \(directory) cannot be made: \(Errno(rawValue: errno))")
        }
    }

    /// Replaces the file as a whole; where it is a symbolic link, what that leads to.
    private func write(_ bytes: [UInt8], mode: mode_t) throws(EngineError) {
        var target = path
        if let real = realpath(path.string, nil) {
            target = FilePath(String(cString: real))
            free(real)
        }
        let directory = target.removingLastComponent()
        var template = (directory.string + "/.sxfile.toml-XXXXXX").utf8CString.map { $0 }
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw failure("written") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let temporary = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var rest = bytes[...]
        var isWritten = fchmod(descriptor, mode) == 0
        while isWritten, !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { isWritten = false }
        }
        isWritten = isWritten && fsync(descriptor) == 0 && rename(temporary, target.string) == 0
        let error = failure("written")
        close(descriptor)
        guard isWritten else {
            unlink(temporary)
            throw error
        }
    }
}
