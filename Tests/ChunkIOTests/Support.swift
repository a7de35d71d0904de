import ChunkIO
import Glibc
import SystemPackage
import Testing

/// One service a preference for all tests; where the kernel refuses io_uring both are the same.
enum Services {
    static let automatic = IOService(preference: .automatic)
    static let posix = IOService(preference: .posix)

    static func of(_ preference: IOService.Preference) -> IOService {
        switch preference {
        case .automatic: automatic
        case .posix: posix
        }
    }
}

/// Numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        var index = 0
        while index < count {
            withUnsafeBytes(of: generator.next()) { word in
                let part = min(8, count - index)
                UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[index...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: word[..<part]))
                index += part
            }
        }
        filled = count
    }
}

/// A directory that goes away with its contents.
final class TemporaryDirectory: Sendable {
    let path: FilePath
    private let isMount: Bool

    init() {
        var template = Array("/tmp/sxfile-chunkio-XXXXXX".utf8CString)
        path = FilePath(String(cString: mkdtemp(&template)))
        isMount = false
    }

    /// A tmpfs of its own with these options, where the user may mount.
    init?(tmpfs options: String) {
        var template = Array("/tmp/sxfile-chunkio-XXXXXX".utf8CString)
        path = FilePath(String(cString: mkdtemp(&template)))
        guard mount("tmpfs", path.string, "tmpfs", 0, options) == 0 else {
            rmdir(path.string)
            return nil
        }
        isMount = true
    }

    static let canMount = TemporaryDirectory(tmpfs: "size=64k") != nil

    deinit {
        if isMount {
            umount2(path.string, 2)
        } else {
            TemporaryDirectory.removeAll(path.string)
        }
        rmdir(path.string)
    }

    func remount(_ options: String, readOnly: Bool) -> Bool {
        let remountFlag: UInt = 32
        return mount("tmpfs", path.string, "tmpfs", remountFlag | (readOnly ? 1 : 0), options) == 0
    }

    subscript(_ name: String) -> FilePath { path.appending(name) }

    /// Names in it, sorted.
    var names: [String] { TemporaryDirectory.list(path.string).sorted() }

    static func list(_ path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            let name = String(decoding: bytes, as: UTF8.self)
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    private static func removeAll(_ path: String) {
        for name in list(path) {
            let child = path + "/" + name
            if unlink(child) != 0 {
                removeAll(child)
                rmdir(child)
            }
        }
    }
}

@discardableResult
func write(_ bytes: [UInt8], to path: FilePath) -> FilePath {
    let descriptor = open(path.string, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    #expect(descriptor >= 0)
    defer { close(descriptor) }
    #expect(bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) } == bytes.count)
    return path
}

func contents(of path: FilePath) -> [UInt8]? {
    let descriptor = open(path.string, O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    lseek(descriptor, 0, SEEK_SET)
    return [UInt8](unsafeUninitializedCapacity: max(size, 1)) { buffer, count in
        count = max(0, read(descriptor, buffer.baseAddress, size))
    }
}

func status(of path: FilePath) -> stat {
    var result = stat()
    #expect(lstat(path.string, &result) == 0)
    return result
}

func setModificationTime(_ path: FilePath, seconds: Int) {
    utimensat(AT_FDCWD, path.string, [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)], 0)
}
