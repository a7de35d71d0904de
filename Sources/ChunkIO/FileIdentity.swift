import CLiburing
import Glibc

/// What tells one file from every other: device and inode, and the time of its birth where the file system keeps that
/// (an inode number is given to another file as soon as the first is deleted). `born` is in nanoseconds, 0 if unknown.
struct FileIdentity: Equatable, Sendable {
    var device: UInt64
    var inode: UInt64
    var born: Int64

    /// Whether both are one file. Device numbers count only within one boot: btrfs, NFS and device mapper give others
    /// in the next.
    func isSame(as other: FileIdentity, sameBoot: Bool) -> Bool {
        inode == other.inode && (born == other.born || born == 0 || other.born == 0)
            && (device == other.device || !sameBoot)
    }
}

/// One look at a file.
struct FileStatus: Equatable, Sendable {
    var identity: FileIdentity
    /// Nanoseconds since 1970.
    var modified: Int64
    var size: Int64
    var mode: UInt32
    var links: UInt32

    var isRegular: Bool { mode & S_IFMT == S_IFREG }
    var isDirectory: Bool { mode & S_IFMT == S_IFDIR }

    /// With an article, for a sentence.
    var kind: String {
        switch mode & S_IFMT {
        case S_IFREG: "a regular file"
        case S_IFDIR: "a directory"
        case S_IFLNK: "a symbolic link"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }

    private init(_ status: sxfile_status) {
        identity = FileIdentity(device: status.device, inode: status.inode, born: status.born)
        modified = status.modified
        size = status.size
        mode = status.mode
        links = status.links
    }

    /// Of an open descriptor, or of `name` in the directory `descriptor`; the errno if that fails.
    static func of(_ descriptor: CInt, name: FileName? = nil) -> Result<FileStatus, Errnum> {
        var status = sxfile_status()
        let result =
            if let name {
                name.withCString { sxfile_status(descriptor, $0, &status) }
            } else {
                sxfile_status(descriptor, "", &status)
            }
        return result == 0 ? .success(FileStatus(status)) : .failure(Errnum(code: -result))
    }
}

/// An errno as an error, before anyone has said what it means.
struct Errnum: Error, Equatable {
    let code: CInt
}

/// The kernel's random identifier of this boot, as in `/proc/sys/kernel/random/boot_id`; empty where there is none.
/// What was written before a crash of the process, but not synced, is still there only in the same boot.
public func currentBootIdentifier() -> String { bootIdentifier }

private let bootIdentifier: String = readSmallFile("/proc/sys/kernel/random/boot_id").filter { !$0.isWhitespace }

/// The first 8 KiB of a file of the kernel; empty if it cannot be read.
func readSmallFile(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 8192) { buffer, count in
        count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
    }
    return String(decoding: bytes, as: UTF8.self)
}
