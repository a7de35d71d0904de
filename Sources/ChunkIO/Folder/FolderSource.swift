import CLiburing
import Glibc
public import SystemPackage

/// One of the paths that make up what is sent: the contents of a folder, or something with a name of its own beside others.
public struct FolderSource: Sendable, Hashable {
    /// Its name in the manifest; nil if its contents are the folder itself.
    public var name: [UInt8]?
    /// The user's path, absolute.
    public var path: FilePath

    /// A source of these parts.
    public init(name: [UInt8]?, path: FilePath) {
        self.name = name
        self.path = path
    }
}

/// Opens what a manifest names below its sources. One directory is kept open: entries come directory by directory.
///
/// Not for several threads at a time.
final class SourceOpener {
    private let sources: [FolderSource]
    private var root: (index: Int, directory: Handle)?
    private var parent: (path: [UInt8], directory: Handle)?

    init(_ sources: [FolderSource]) {
        self.sources = sources
    }

    /// Opens `path` with `flags`, following no symlink but in the user's own path.
    func open(_ path: [UInt8], flags: CInt) -> Result<Handle, Errnum> {
        if path.isEmpty { return directory([]).flatMap { $0.reopen(flags: flags) } }
        let split = path.lastIndex(of: UInt8(ascii: "/"))
        let name = path[(split.map { $0 + 1 } ?? 0)...]
        let above = path[..<(split ?? 0)]
        if above.isEmpty, let source = sources.first(where: { $0.name.map(path.elementsEqual) ?? false }) {
            let descriptor = source.path.withPlatformString { Glibc.open($0, flags | O_CLOEXEC) }
            guard descriptor >= 0 else { return .failure(Errnum(code: errno)) }
            return .success(Handle(descriptor, source.path))
        }
        return directory(Array(above)).flatMap { directory in
            directory.open(Array(name), flags: flags)
        }
    }

    /// Whether this user may read the file at `path`.
    func isReadable(_ path: [UInt8]) -> Bool {
        at(path) { directory, name in faccessat(directory, name, R_OK, effectiveAccess) == 0 } ?? false
    }

    /// Where the link at `path` points to; nil if it is none any more.
    func target(_ path: [UInt8]) -> [UInt8]? {
        let target = at(path) { directory, name -> [UInt8]? in
            var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX) + 1)
            let count = buffer.withUnsafeMutableBytes { memory -> Int in
                guard let start = memory.bindMemory(to: CChar.self).baseAddress else { return 0 }
                return readlinkat(directory, name, start, memory.count)
            }
            return count > 0 && count <= Int(PATH_MAX) ? Array(buffer[..<count]) : nil
        }
        return target ?? nil
    }

    private func at<Value>(_ path: [UInt8], _ body: (CInt, UnsafePointer<CChar>) -> Value) -> Value? {
        let split = path.lastIndex(of: UInt8(ascii: "/"))
        let name = path[(split.map { $0 + 1 } ?? 0)...]
        if split == nil, let source = sources.first(where: { $0.name.map(path.elementsEqual) ?? false }) {
            return source.path.withPlatformString { body(AT_FDCWD, $0) }
        }
        guard case .success(let directory) = directory(Array(path[..<(split ?? 0)])) else { return nil }
        return withTerminated(name) { body(directory.descriptor, $0) }
    }

    /// The directory at `path`, by its path only.
    private func directory(_ path: [UInt8]) -> Result<Handle, Errnum> {
        if let parent, parent.path == path { return .success(parent.directory) }
        let first = path.prefix { $0 != UInt8(ascii: "/") }
        let index = sources.firstIndex { source in source.name.map(first.elementsEqual) ?? true }
        guard let index else { return .failure(Errnum(code: ENOENT)) }
        return rootDirectory(index).flatMap { root in
            let below = sources[index].name == nil ? path[...] : path.dropFirst(first.count + 1)
            if below.isEmpty { return .success(root) }
            return root.open(Array(below), flags: sxfile_open_path_only | O_DIRECTORY)
        }.map { directory in
            parent = (path, directory)
            return directory
        }
    }

    private func rootDirectory(_ index: Int) -> Result<Handle, Errnum> {
        if let root, root.index == index { return .success(root.directory) }
        let path = sources[index].path
        let descriptor = path.withPlatformString { Glibc.open($0, sxfile_open_path_only | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else { return .failure(Errnum(code: errno)) }
        let directory = Handle(descriptor, path)
        root = (index, directory)
        return .success(directory)
    }
}

/// AT_EACCESS, whose macro is not imported.
private let effectiveAccess: CInt = 0x200
