import Glibc
import Primitives
import SystemPackage

/// A directory for the files of one measurement.
struct ScratchDirectory {
    let path: FilePath

    init() throws {
        var template = Array("/tmp/sxfile-benchmark-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        path = FilePath(String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    /// Removes it and the files in it.
    func remove() {
        if let entries = opendir(path.string) {
            while let entry = readdir(entries) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { unlink(path.appending(name).string) }
            }
            closedir(entries)
        }
        rmdir(path.string)
    }

    /// A file of random bytes.
    static func makeFile(_ path: FilePath, chunks: Int, of size: Int) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        try file.closeAfter { for _ in 0..<chunks { try file.writeAll(SecureRandom.bytes(size)) } }
    }
}
