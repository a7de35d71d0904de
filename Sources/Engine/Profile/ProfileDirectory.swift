import Glibc
public import SystemPackage

/// Where a profile lives: environment and name in, a private directory out.
public enum ProfileDirectory {
    /// The name of the configuration file.
    static let settingsName = "sxfile.toml"

    /// The directory of profile `name` (nil: `SXFILE_PROFILE`, else the default one).
    ///
    /// `SXFILE_HOME` is the directory itself, or holds the named ones. Otherwise `sxfile/NAME` in `XDG_DATA_HOME`, or in
    /// `.local/share` of the home directory (from passwd if `HOME` is unset). Relative values of both are ignored.
    /// - Throws: `usage` for a name that is no plain word.
    public static func resolve(name: String?, environment: [String: String]) throws(EngineError) -> FilePath {
        try place(name, environment, "XDG_DATA_HOME", ".local/share")
    }

    /// The configuration file of profile `name`: `sxfile.toml` in `SXFILE_HOME` as above, otherwise in `sxfile/NAME` in
    /// `XDG_CONFIG_HOME`, or in `.config` of the home directory.
    /// - Throws: `usage` for a name that is no plain word.
    public static func settingsFile(name: String?, environment: [String: String]) throws(EngineError) -> FilePath {
        try place(name, environment, "XDG_CONFIG_HOME", ".config").appending(settingsName)
    }

    private static func place(
        _ name: String?, _ environment: [String: String], _ variable: String, _ standard: String
    ) throws(EngineError) -> FilePath {
        let name = name ?? environment["SXFILE_PROFILE"].flatMap { $0.isEmpty ? nil : $0 }
        if let name, !isPlain(name) {
            throw .usage("'\(name)' cannot be a profile's name: use letters, digits, '-', '_' and '.'")
        }
        if let home = environment["SXFILE_HOME"], !home.isEmpty {
            let path = FilePath(absolute(home))
            return name.map { path.appending($0) } ?? path
        }
        let base = environment[variable].flatMap { $0.hasPrefix("/") ? FilePath($0) : nil }
        return (base ?? home(environment).pushing(FilePath(standard))).appending("sxfile").appending(name ?? "default")
    }

    /// Makes the directory if it is missing (parents 0755, itself 0700) and checks that it is ours alone.
    /// - Throws: `permissions`.
    public static func prepare(_ path: FilePath) throws(EngineError) {
        if path.string.utf8.isEmpty { throw .permissions("the profile has an empty path") }
        makeParents(of: path)
        if mkdir(path.string, 0o700) == 0 {
            // A umask can only take away; this names what is meant.
            chmod(path.string, 0o700)
        } else if errno != EEXIST {
            throw .permissions(
                "the profile \(path) cannot be made: \(Errno(rawValue: errno)); set HOME or SXFILE_HOME to a directory of "
                    + "yours")
        }
        try check(path)
    }

    /// Checks owner and permissions of the directory and of what lies in it.
    static func check(_ path: FilePath) throws(EngineError) {
        var status = stat()
        guard stat(path.string, &status) == 0 else {
            throw .permissions("the profile \(path) cannot be read: \(Errno(rawValue: errno))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .permissions("the profile \(path) is no directory") }
        guard status.st_uid == geteuid() else { throw .permissions("the profile \(path) belongs to another user") }
        guard status.st_mode & 0o077 == 0 else {
            throw .permissions("the profile \(path) can be read by others; run `chmod 700 \(path)`")
        }
        guard status.st_mode & 0o700 == 0o700 else {
            throw .permissions("the profile \(path) cannot be written; run `chmod 700 \(path)`")
        }
        for file in ["sxfile.db", "sxfile.db-wal", "sxfile.db-shm", "engine.lock"] {
            try checkFile(path.appending(file))
        }
    }

    private static func checkFile(_ path: FilePath) throws(EngineError) {
        var status = stat()
        guard lstat(path.string, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .permissions("\(path) is no regular file") }
        guard status.st_uid == geteuid() else { throw .permissions("\(path) belongs to another user") }
        guard status.st_mode & 0o077 == 0, status.st_mode & 0o600 == 0o600 else {
            throw .permissions("\(path) has the wrong permissions; run `chmod 600 \(path)`")
        }
    }

    /// The user's home directory: `HOME` if it is absolute, else what passwd says.
    public static func home(_ environment: [String: String]) -> FilePath {
        if let home = environment["HOME"], home.hasPrefix("/") { return FilePath(home) }
        guard let entry = getpwuid(geteuid()), let directory = entry.pointee.pw_dir else { return "/" }
        return FilePath(String(cString: directory))
    }

    private static func isPlain(_ name: String) -> Bool {
        !name.hasPrefix(".") && (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// `path` against the working directory, without `.` and `..` where that is plain text.
    public static func absolute(_ path: String) -> String {
        let full = FilePath(path)
        if full.isAbsolute { return full.lexicallyNormalized().string }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard getcwd(&buffer, buffer.count) != nil else { return path }
        let directory = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return FilePath(directory).pushing(full).string
    }

    static func makeParents(of path: FilePath) {
        var parents: [FilePath] = []
        var parent = path.removingLastComponent()
        while !parent.components.isEmpty {
            parents.append(parent)
            parent.removeLastComponent()
        }
        for parent in parents.reversed() { mkdir(parent.string, 0o755) }
    }
}
