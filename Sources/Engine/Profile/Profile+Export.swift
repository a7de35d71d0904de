import Database
import GRDB
import Glibc
public import Primitives
import SystemPackage

extension Profile {
    private static let databaseName = "sxfile.db"

    /// Writes everything of the profile, its settings too, to a new file that only the passphrase opens.
    ///
    /// The engine's lock is held meanwhile: keys do not move while they are copied.
    /// - Throws: `system` while an engine runs, `destination` for a path that is taken or cannot be written.
    public func export(to path: String, passphrase: SecretBytes) throws(EngineError) {
        guard let lock = try EngineLock.take(lockPath) else {
            throw .system("sxfile is at work for this profile; stop it first")
        }
        try write(to: path, passphrase)
        Self.release(lock)
    }

    private static func release(_ lock: consuming EngineLock) { _ = consume lock }

    private func write(to path: String, _ passphrase: SecretBytes) throws(EngineError) {
        // Beside the database, which holds the same.
        let snapshot = directory.appending("export-\(getpid()).db")
        defer { for end in ["", "-wal", "-shm", "-journal"] { unlink(snapshot.string + end) } }
        let made = Glibc.open(snapshot.string, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard made >= 0 else { throw .destination("\(snapshot) cannot be made: \(Errno(rawValue: errno))") }
        close(made)
        do { try database.snapshot(to: snapshot.string) } catch {
            throw EngineError(any: error, database: database)
        }
        let output = try ArchiveFile(making: path)
        do throws(EngineError) {
            let salt = SecureRandom.bytes(PassphraseKey.saltCount)
            let cost = PassphraseKey.Cost.standard
            guard let key = PassphraseKey.derive(passphrase, salt: salt, cost: cost) else {
                throw .system("there is not enough memory to make a key of the passphrase: \(cost.memory >> 20) MiB")
            }
            let prefix = ProfileArchive.prefix(cost, salt: salt)
            var writer = ArchiveWriter(output, key: key, prefix: prefix)
            try writer.begin()
            try writer.add(Self.databaseName, from: snapshot.string)
            if access(settingsPath, F_OK) == 0 { try writer.add(ProfileDirectory.settingsName, from: settingsPath) }
            try writer.finish()
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Makes profile `name` from what `export` wrote; its keys are refused until `rekey`, for they may be out of date.
    ///
    /// Nothing is written over: neither a database nor a configuration file may be there.
    /// - Throws: `usage` for a file that is no export or a profile that exists, `noSuchFile`, `wrongPassphrase`, `permissions`.
    public static func importing(
        from path: String, as name: String?, environment: [String: String], passphrase: SecretBytes
    ) throws(EngineError) {
        try checkImportable(as: name, environment: environment)
        let directory = try ProfileDirectory.resolve(name: name, environment: environment)
        let settings = try ProfileDirectory.settingsFile(name: name, environment: environment)
        try ProfileDirectory.prepare(directory)
        guard let lock = try EngineLock.take(directory.appending("engine.lock")) else {
            throw .system("sxfile is at work for this profile")
        }
        try restore(path, to: directory, settings, passphrase)
        release(lock)
    }

    private static func restore(
        _ path: String, to directory: FilePath, _ settings: FilePath, _ passphrase: SecretBytes
    ) throws(EngineError) {
        let partial = directory.appending("import-\(getpid()).db")
        defer { for end in ["", "-wal", "-shm"] { unlink(partial.string + end) } }
        let text = try ArchiveReader.read(path, passphrase: passphrase, database: partial.string)
        try check(partial.string)
        let target = directory.appending(databaseName)
        guard link(partial.string, target.string) == 0 else {
            throw .permissions("\(target) cannot be made: \(Errno(rawValue: errno))")
        }
        if let text { try SettingsFile(settings).restore(text) }
    }

    /// Whether nothing stands where an import would go.
    /// - Throws: `usage`.
    public static func checkImportable(as name: String?, environment: [String: String]) throws(EngineError) {
        let directory = try ProfileDirectory.resolve(name: name, environment: environment)
        let settings = try ProfileDirectory.settingsFile(name: name, environment: environment)
        for taken in [directory.appending(databaseName), settings] where access(taken.string, F_OK) == 0 {
            throw .usage("\(taken) exists: import into another profile, with --profile NAME")
        }
    }

    /// Whether it is a sound database of ours; marks it as a copy.
    private static func check(_ path: String) throws(EngineError) {
        do {
            let database = try ProfileDatabase(path: path)
            let problems = try database.check()
            guard problems.isEmpty else {
                throw ProfileDatabaseError.damaged(path: path, reason: problems.joined(separator: "; "))
            }
            // No file has number 0: whatever this one's is, it is not the one that the keys were made in.
            try database.write { db in
                try Meta.set(db, "identity", DatabaseIdentity(device: 0, inode: 0, bootID: "imported").text)
            }
            try database.truncateLog()
        } catch let error as ProfileDatabaseError {
            throw .database(error)
        } catch {
            throw .system("\(error)")
        }
    }
}

/// The file that an archive is written to.
private struct ArchiveFile: ~Copyable {
    let descriptor: Int32
    let path: String

    init(making path: String) throws(EngineError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        if descriptor >= 0 { return }
        if errno == EEXIST { throw .destination("\(path) exists already: nothing is written over") }
        throw .destination("\(path) cannot be made: \(Errno(rawValue: errno))")
    }

    func write(_ bytes: [UInt8]) throws(EngineError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw .destination("\(path) cannot be written: \(Errno(rawValue: errno))")
            }
        }
    }

    func sync() throws(EngineError) {
        guard fsync(descriptor) == 0 else {
            throw .destination("\(path) cannot be written: \(Errno(rawValue: errno))")
        }
    }

    deinit { close(descriptor) }
}

private struct ArchiveWriter: ~Copyable {
    private let output: ArchiveFile
    private let prefix: [UInt8]
    private var sealer: SecretStream.Sealer
    private var buffer: [UInt8] = []
    private var isFirst = true

    init(_ output: consuming ArchiveFile, key: SecretBytes, prefix: [UInt8]) {
        self.output = output
        self.prefix = prefix
        sealer = SecretStream.Sealer(key: key)
    }

    func begin() throws(EngineError) { try output.write(prefix + sealer.header) }

    mutating func add(_ name: String, from path: String) throws(EngineError) {
        let input = open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard input >= 0, fstat(input, &status) == 0 else { throw .unreadable(path, "\(Errno(rawValue: errno))") }
        defer { close(input) }
        buffer += [UInt8(name.utf8.count)] + name.utf8 + ProfileArchive.number(UInt64(status.st_size))
        var left = Int(status.st_size)
        var block = [UInt8](repeating: 0, count: 1 << 20)
        while left > 0 {
            let count = read(input, &block, min(left, block.count))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .unreadable(path, "it became shorter") }
            buffer += block[..<count]
            left -= count
            while buffer.count > ProfileArchive.pieceCount {
                try seal(Array(buffer.prefix(ProfileArchive.pieceCount)), isLast: false)
                buffer.removeFirst(ProfileArchive.pieceCount)
            }
        }
    }

    mutating func finish() throws(EngineError) {
        while buffer.count > ProfileArchive.pieceCount {
            try seal(Array(buffer.prefix(ProfileArchive.pieceCount)), isLast: false)
            buffer.removeFirst(ProfileArchive.pieceCount)
        }
        try seal(buffer, isLast: true)
        try output.sync()
    }

    private mutating func seal(_ piece: [UInt8], isLast: Bool) throws(EngineError) {
        try output.write(sealer.seal(piece, bound: isFirst ? prefix : [], isLast: isLast))
        isFirst = false
    }
}

private enum ArchiveReader {
    /// Reads an archive: the database goes to a new file at `database`; gives the settings, if there are some.
    static func read(_ path: String, passphrase: SecretBytes, database: String) throws(EngineError) -> [UInt8]? {
        let input = open(path, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else {
            if errno == ENOENT { throw .noSuchFile(path) }
            throw .unreadable(path, "\(Errno(rawValue: errno))")
        }
        defer { close(input) }
        let prefix = try bytes(input, ProfileArchive.prefixCount, path)
        let header = try bytes(input, SecretStream.headerCount, path)
        guard let (cost, salt) = ProfileArchive.cost(prefix), header.count == SecretStream.headerCount else {
            throw .usage("\(path) is no exported profile, or one of a newer sxfile")
        }
        guard let key = PassphraseKey.derive(passphrase, salt: salt, cost: cost) else {
            throw .system("there is not enough memory to make a key of the passphrase: \(cost.memory >> 20) MiB")
        }
        let output = try ArchiveFile(making: database)
        var settings: [UInt8]?
        var current = ""
        var reader = ProfileArchive.Reader()
        var isFirst = true
        do {
            var opener = try SecretStream.Opener(key: key, header: header)
            while true {
                let sealed = try bytes(input, ProfileArchive.pieceCount + SecretStream.overhead, path)
                let (plain, isLast) = try opener.open(sealed, bound: isFirst ? prefix : [])
                isFirst = false
                for event in reader.take(plain) {
                    switch (event, current) {
                    case (.file(let name, _), _):
                        current = name
                        if name == ProfileDirectory.settingsName { settings = [] }
                    case (.bytes(let bytes), "sxfile.db"): try output.write(bytes)
                    case (.bytes(let bytes), ProfileDirectory.settingsName): settings?.append(contentsOf: bytes)
                    // A later version may have more; what it is for is not known here.
                    case (.bytes, _), (.end, _): break
                    }
                }
                if isLast { break }
            }
        } catch let error as EngineError {
            throw error
        } catch {
            throw isFirst ? .wrongPassphrase : .usage("\(path) is damaged or cut off")
        }
        guard reader.isBetweenFiles, try bytes(input, 1, path).isEmpty else { throw .usage("\(path) is damaged") }
        try output.sync()
        return settings
    }

    /// So many bytes, or what is left.
    private static func bytes(_ input: Int32, _ count: Int, _ path: String) throws(EngineError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var have = 0
        while have < count {
            let more = bytes.withUnsafeMutableBytes {
                Glibc.read(input, $0.baseAddress.map { $0 + have }, count - have)
            }
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else { throw .unreadable(path, "\(Errno(rawValue: errno))") }
            guard more > 0 else { break }
            have += more
        }
        return Array(bytes.prefix(have))
    }
}
