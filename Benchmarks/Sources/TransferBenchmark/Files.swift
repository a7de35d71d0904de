import Glibc

/// Small files, and the few things that are done with large ones.
enum Files {
    /// The text of a small file; empty if there is none.
    static func text(_ path: String) -> String { String(decoding: bytes(path), as: UTF8.self) }

    private static func bytes(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { result += buffer[..<count] }
        return result
    }

    /// Writes a small file, or to one of /proc; says nothing if it cannot.
    static func write(_ text: String, to path: String) {
        guard let file = fopen(path, "we") else { return }
        fputs(text, file)
        fclose(file)
    }

    /// The size of a file; nil if there is none.
    static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_size : nil
    }

    /// Whether there is anything at this path.
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// What is in a directory, sorted.
    static func names(in directory: String) -> [String] {
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a file, or a directory and all in it; follows no links.
    static func remove(_ path: String) {
        if unlink(path) == 0 || errno == ENOENT { return }
        for name in names(in: path) { remove(path + "/" + name) }
        rmdir(path)
    }

    /// Makes a file that no compression would shorten, on the disk when this returns.
    static func makeRandom(_ path: String, size: ByteSize) throws {
        guard let file = fopen(path, "we"), let source = fopen("/dev/urandom", "re") else {
            throw BenchmarkError.system(call: "make \(path)", code: errno)
        }
        defer {
            fclose(file)
            fclose(source)
        }
        var block = [UInt8](repeating: 0, count: 1 << 20)
        var left = size.bytes
        while left > 0 {
            try Interruption.check()
            let count = min(left, block.count)
            guard fread(&block, 1, count, source) == count, fwrite(block, 1, count, file) == count else {
                throw BenchmarkError.system(call: "write \(path)", code: errno)
            }
            left -= count
        }
        guard fflush(file) == 0, fsync(fileno(file)) == 0 else {
            throw BenchmarkError.system(call: "sync \(path)", code: errno)
        }
    }

    /// Whether two files hold the same bytes.
    static func areEqual(_ left: String, _ right: String) throws -> Bool {
        guard let first = fopen(left, "re") else { return false }
        defer { fclose(first) }
        guard let second = fopen(right, "re") else { return false }
        defer { fclose(second) }
        var (one, other) = ([UInt8](repeating: 0, count: 1 << 20), [UInt8](repeating: 0, count: 1 << 20))
        while true {
            try Interruption.check()
            let count = fread(&one, 1, one.count, first)
            guard fread(&other, 1, other.count, second) == count, memcmp(one, other, count) == 0 else { return false }
            if count == 0 { return true }
        }
    }

    /// Bytes that may still be written where `path` is.
    static func freeBytes(_ path: String) -> Int {
        var status = statvfs()
        return statvfs(path, &status) == 0 ? Int(status.f_bavail) * Int(status.f_frsize) : 0
    }
}
