import Glibc
import SystemPackage

/// The name of a file in its directory: one path component.
public struct FileName: Hashable, Sendable {
    /// Neither empty nor `.` nor `..`, without NUL and slash.
    public let bytes: [UInt8]

    /// Most file systems take so many bytes.
    public static let usualLimitInBytes = 255

    /// A name that a peer gave, made into one component: slashes and NUL become `_`, as do the dots of `.` and `..`; an
    /// empty name becomes `file`; what is longer than 255 bytes is shortened, keeping the extension. Nothing else is
    /// changed: whoever shows the name escapes it.
    public init(sanitizing name: String) {
        var bytes = name.utf8.map { $0 == UInt8(ascii: "/") || $0 == 0 ? UInt8(ascii: "_") : $0 }
        if bytes.isEmpty { bytes = Array("file".utf8) }
        if bytes == Array(".".utf8) || bytes == Array("..".utf8) {
            bytes = Array(repeating: UInt8(ascii: "_"), count: bytes.count)
        }
        self = FileName(checked: bytes).alternative(0, limitInBytes: FileName.usualLimitInBytes)
    }

    /// As it stands, or nothing if it is no single component.
    init?(_ bytes: [UInt8]) {
        guard !bytes.isEmpty, bytes != Array(".".utf8), bytes != Array("..".utf8),
            !bytes.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") })
        else { return nil }
        self.init(checked: bytes)
    }

    init(checked bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// As text, with replacement characters where it is no UTF-8.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether listings leave it out, as its first character is a dot.
    public var isHidden: Bool { bytes.first == UInt8(ascii: ".") }

    /// `name.ext` for 0, `name_1.ext` for 1 and so on; the stem is shortened, between characters, to fit the limit.
    public func alternative(_ number: Int, limitInBytes limit: Int) -> FileName {
        let suffix = number == 0 ? [] : Array("_\(number)".utf8)
        var stem = bytes[..<extensionStart]
        var ending = bytes[extensionStart...]
        if ending.count + suffix.count >= limit { ending = [] }
        let room = max(1, limit - suffix.count - ending.count)
        if stem.count > room {
            var end = room
            while end > 1 && stem[end] & 0xC0 == 0x80 { end -= 1 }
            stem = stem[..<end]
        }
        return FileName(checked: stem + suffix + ending)
    }

    /// Where the extension begins, its dot included: at most 16 bytes, `.tar.gz` and its kin counted as one.
    private var extensionStart: Int {
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot > 0, bytes.count - dot <= 16 else {
            return bytes.count
        }
        let archive = Array(".tar".utf8)
        if dot > archive.count && bytes[..<dot].suffix(archive.count).elementsEqual(archive) {
            return dot - archive.count
        }
        return dot
    }

    func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
        return terminated.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { preconditionFailure("a terminated name is not empty") }
            return body(start)
        }
    }

    /// The path of this name in `directory`.
    func path(in directory: FilePath) -> FilePath {
        guard let component = withCString({ FilePath.Component(platformString: $0) }) else { return directory }
        return directory.appending(component)
    }
}
