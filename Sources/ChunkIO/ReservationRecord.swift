import Glibc
public import SystemPackage

/// A reservation as it is stored, to be reopened by a later process.
public struct ReservationRecord: Equatable, Sendable {
    /// The real path of the directory.
    public internal(set) var directory: FilePath
    /// The reserved name in it.
    public internal(set) var finalName: FileName
    var partialName: FileName
    var directoryIdentity: FileIdentity
    /// The empty file that keeps the name.
    var reservedIdentity: FileIdentity
    var partialIdentity: FileIdentity
    /// The file system keeps the mark of an unfinished partial (see `Reservation.unfinishedMode`).
    var isMarked: Bool
    /// The boot in which the device numbers count.
    var boot: String

    /// The reserved path; the file is there once the transfer is complete, unless the name was taken meanwhile.
    public var finalPath: FilePath { finalName.path(in: directory) }

    /// Where the bytes are until then.
    public var partialPath: FilePath { partialName.path(in: directory) }

    var isSameBoot: Bool { !boot.isEmpty && boot == currentBootIdentifier() }

    /// One line of printable ASCII.
    public var text: String {
        let identities = [directoryIdentity, reservedIdentity, partialIdentity].map(\.text)
        let names = [finalName.bytes, partialName.bytes, directory.platformBytes].map(escaped)
        let fields = ["1", boot.isEmpty ? "-" : boot, isMarked ? "1" : "0"] + identities + names
        return fields.joined(separator: " ")
    }

    /// Reads `text`; throws `damagedRecord`.
    public init(text: String) throws(ChunkIOError) {
        let fields = text.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.count == 9, fields[0] == "1", fields[2] == "0" || fields[2] == "1",
            let final = unescaped(fields[6]).flatMap(FileName.init),
            let partial = unescaped(fields[7]).flatMap(FileName.init),
            let path = unescaped(fields[8]), path.first == UInt8(ascii: "/"), !path.contains(0),
            let directoryIdentity = FileIdentity(text: fields[3]),
            let reservedIdentity = FileIdentity(text: fields[4]),
            let partialIdentity = FileIdentity(text: fields[5])
        else { throw .damagedRecord }
        directory = FilePath(platformString: path.map { CChar(bitPattern: $0) } + [0])
        finalName = final
        partialName = partial
        self.directoryIdentity = directoryIdentity
        self.reservedIdentity = reservedIdentity
        self.partialIdentity = partialIdentity
        isMarked = fields[2] == "1"
        boot = fields[1] == "-" ? "" : String(fields[1])
    }

    init(
        directory: Directory, finalName: FileName, partialName: FileName, reservedIdentity: FileIdentity,
        partialIdentity: FileIdentity, isMarked: Bool
    ) {
        self.directory = directory.path
        self.finalName = finalName
        self.partialName = partialName
        directoryIdentity = directory.identity
        self.reservedIdentity = reservedIdentity
        self.partialIdentity = partialIdentity
        self.isMarked = isMarked
        boot = currentBootIdentifier()
    }
}

extension FileIdentity {
    var text: String { "\(device):\(inode):\(born)" }

    init?(text: Substring) {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 3, let device = UInt64(fields[0]), let inode = UInt64(fields[1]),
            let born = Int64(fields[2])
        else { return nil }
        self.init(device: device, inode: inode, born: born)
    }
}

extension FilePath {
    var platformBytes: [UInt8] {
        withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }
}

/// Percent-encoding of everything but printable ASCII without space and `%`.
func escaped(_ bytes: [UInt8]) -> String {
    var text = ""
    for byte in bytes {
        if (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "%") {
            text.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
        }
    }
    return text
}

func unescaped(_ text: Substring) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        let digits = rest.prefix(2)
        guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
            return nil
        }
        bytes.append(value)
        rest = rest.dropFirst(2)
    }
    return bytes
}
