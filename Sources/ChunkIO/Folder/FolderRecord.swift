import Glibc
public import SystemPackage

/// The reservation of a folder as it is stored, to be reopened by a later process.
public struct FolderRecord: Equatable, Sendable {
    /// The real path of the directory that the folder is put into.
    public internal(set) var directory: FilePath
    /// The reserved name in it.
    public internal(set) var finalName: FileName
    var partialName: FileName
    var directoryIdentity: FileIdentity
    /// The empty directory that keeps the name.
    var reservedIdentity: FileIdentity
    /// The hidden directory with everything that is unfinished.
    var partialIdentity: FileIdentity
    /// The folder in it, which gets the final name.
    var treeIdentity: FileIdentity
    /// The boot in which the device numbers count.
    var boot: String

    /// The reserved path.
    public var finalPath: FilePath { finalName.path(in: directory) }

    var isSameBoot: Bool { !boot.isEmpty && boot == currentBootIdentifier() }

    /// Whether a stored reservation is a folder's.
    public static func isOne(_ text: String) -> Bool { text.hasPrefix("folder-1 ") }

    /// One line of printable ASCII.
    public var text: String {
        let identities = [directoryIdentity, reservedIdentity, partialIdentity, treeIdentity].map(\.text)
        let names = [finalName.bytes, partialName.bytes, directory.platformBytes].map(escaped)
        return (["folder-1", boot.isEmpty ? "-" : boot] + identities + names).joined(separator: " ")
    }

    /// Reads `text`; throws `damagedRecord`.
    public init(text: String) throws(ChunkIOError) {
        let fields = text.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.count == 9, fields[0] == "folder-1",
            let directoryIdentity = FileIdentity(text: fields[2]),
            let reservedIdentity = FileIdentity(text: fields[3]),
            let partialIdentity = FileIdentity(text: fields[4]),
            let treeIdentity = FileIdentity(text: fields[5]),
            let final = unescaped(fields[6]).flatMap(FileName.init),
            let partial = unescaped(fields[7]).flatMap(FileName.init),
            let path = unescaped(fields[8]), path.first == UInt8(ascii: "/"), !path.contains(0)
        else { throw .damagedRecord }
        directory = FilePath(platformString: path.map { CChar(bitPattern: $0) } + [0])
        finalName = final
        partialName = partial
        self.directoryIdentity = directoryIdentity
        self.reservedIdentity = reservedIdentity
        self.partialIdentity = partialIdentity
        self.treeIdentity = treeIdentity
        boot = fields[1] == "-" ? "" : String(fields[1])
    }

    init(
        directory: Directory, finalName: FileName, partialName: FileName, reserved: FileIdentity,
        partial: FileIdentity, tree: FileIdentity
    ) {
        self.directory = directory.path
        self.finalName = finalName
        self.partialName = partialName
        directoryIdentity = directory.identity
        reservedIdentity = reserved
        partialIdentity = partial
        treeIdentity = tree
        boot = currentBootIdentifier()
    }

    /// Opens the directory, if it is the one that was reserved in.
    func open(_ service: IOService) throws(ChunkIOError) -> Directory {
        let opened = try Directory(opening: directory, service: service)
        guard opened.identity.isSame(as: directoryIdentity, sameBoot: isSameBoot) else {
            throw .directoryChanged(directory)
        }
        return opened
    }

    func isPartial(_ status: FileStatus) -> Bool { isDirectory(status, partialIdentity) }
    func isReserved(_ status: FileStatus) -> Bool { isDirectory(status, reservedIdentity) }
    func isTree(_ status: FileStatus) -> Bool { isDirectory(status, treeIdentity) }

    private func isDirectory(_ status: FileStatus, _ identity: FileIdentity) -> Bool {
        status.isDirectory && status.identity.isSame(as: identity, sameBoot: isSameBoot)
    }
}
