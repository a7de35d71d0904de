import Glibc
import Primitives
public import SystemPackage
import WireFormat

/// Where received files are put: a directory, or one exact path.
public struct Destination: Sendable {
    let directory: Directory
    /// The name of an exact path; `nil` for a directory, in which a file gets its own name or the next free one.
    public let exactName: FileName?

    /// The directory's real path.
    public var directoryPath: FilePath { directory.path }

    /// `~/Downloads`, made if it is missing: below `HOME` if that is an absolute path, else the home of the user
    /// database. Throws the destination cases.
    public static func downloads(service: IOService = .shared) throws(ChunkIOError) -> Destination {
        let path = homeDirectory().appending("Downloads")
        if path.withPlatformString({ mkdir($0, 0o755) }) != 0 && errno != EEXIST {
            if errno == ENOENT { throw .directoryMissing(homeDirectory()) }
            throw ChunkIOError(errno: errno, operation: "make", path: path)
        }
        return Destination(directory: try Directory(opening: path, service: service), exactName: nil)
    }

    /// What the user gave with `-o`: an existing directory is used as such, anything else is an exact path whose parent
    /// exists (not with `requiresDirectory`, for several files). Nothing is created. Throws the destination cases, also
    /// `nameTaken` for an exact path that exists.
    public init(
        output: String, requiresDirectory: Bool = false, service: IOService = .shared
    ) throws(ChunkIOError) {
        let path = FilePath(output)
        let existing: Directory?
        do throws(ChunkIOError) {
            existing = try Directory(opening: path, service: service)
        } catch .directoryMissing where !requiresDirectory && !output.hasSuffix("/") {
            existing = nil
        } catch .notADirectory where !requiresDirectory && !output.hasSuffix("/") {
            existing = nil
        }
        if let existing {
            directory = existing
            exactName = nil
            return
        }
        guard let last = path.lastComponent,
            let name = FileName(last.withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) })
        else { throw .directoryMissing(path) }
        let parent = path.removingLastComponent()
        directory = try Directory(opening: parent.isEmpty ? "." : parent, service: service)
        exactName = name
        if try directory.status(of: name) != nil { throw .nameTaken(directory.path(of: name)) }
    }

    private init(directory: Directory, exactName: FileName?) {
        self.directory = directory
        self.exactName = exactName
    }

    /// Bytes that this user may still write there.
    public func availableBytes() throws(ChunkIOError) -> Int64 {
        try directory.availableBytes()
    }

    /// Throws `notEnoughSpace` if a file of `size` bytes does not fit now.
    public func requireSpace(for size: Int64) throws(ChunkIOError) {
        let available = try availableBytes()
        if available < size { throw .notEnoughSpace(directory.path, needed: size, available: available) }
    }

    /// Throws `notEnoughEntries` if so many files and directories have no place there now.
    public func requireEntries(_ count: UInt64) throws(ChunkIOError) {
        guard let left = try directory.availableEntries(), left < count else { return }
        throw .notEnoughEntries(directory.path, needed: count, left: left)
    }

    /// Reserves a name by an empty file of mode 0600, and creates the partial beside it: `name`, or the next free one
    /// of `name_1.ext`, `name_2.ext`; the exact name, where one was given, or `nameTaken`. Store `record` at once:
    /// a crash before that leaves two empty files that nobody knows. Both are on the disk after the first `sync`.
    public func reserve(_ name: FileName) throws(ChunkIOError) -> Reservation {
        let (finalName, reserved) = try reserveName(exactName ?? name)
        var made = [finalName]
        do throws(ChunkIOError) {
            let (partialName, partial) = try createPartial()
            made.append(partialName)
            let status = try partial.status()
            let record = ReservationRecord(
                directory: directory, finalName: finalName, partialName: partialName, reservedIdentity: reserved,
                partialIdentity: status.identity, isMarked: status.mode & S_ISVTX != 0)
            return Reservation(record: record, directory: directory, partial: partial)
        } catch {
            for name in made { try? directory.remove(name) }
            throw error
        }
    }

    private func reserveName(_ wanted: FileName) throws(ChunkIOError) -> (FileName, FileIdentity) {
        let limit = directory.nameLimitInBytes
        for number in 0..<Destination.alternativeLimit {
            let name = exactName ?? wanted.alternative(number, limitInBytes: limit)
            switch directory.open(name, flags: O_CREAT | O_EXCL | O_WRONLY, mode: 0o600) {
            case .success(let file): return (name, try file.status().identity)
            case .failure(let error) where error.code == EEXIST:
                if exactName != nil { throw .nameTaken(directory.path(of: name)) }
            case .failure(let error): throw directory.failure(error.code, "create", name)
            }
        }
        throw .nameTaken(directory.path(of: wanted))
    }

    private func createPartial() throws(ChunkIOError) -> (FileName, OpenFile) {
        while true {
            let token = Hex.encode(SecureRandom.bytes(8))
            guard let name = FileName(Array(".sx-\(token).part".utf8)) else { preconditionFailure("a plain name") }
            switch directory.open(
                name, flags: O_CREAT | O_EXCL | O_RDWR, mode: Reservation.unfinishedMode)
            {
            case .success(let file): return (name, file)
            case .failure(let error) where error.code == EEXIST: continue
            case .failure(let error): throw directory.failure(error.code, "create", name)
            }
        }
    }

    /// Nobody has so many files of one name; a search that long is a mistake or an attack.
    static let alternativeLimit = 10_000
}

private func homeDirectory() -> FilePath {
    if let value = getenv("HOME"), value.pointee == CChar(bitPattern: UInt8(ascii: "/")) {
        return FilePath(platformString: value)
    }
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16 << 10)
    guard getpwuid_r(getuid(), &entry, &buffer, buffer.count, &found) == 0, found != nil, let home = entry.pw_dir else {
        return "/"
    }
    return FilePath(platformString: home)
}
