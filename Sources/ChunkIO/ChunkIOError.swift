import Glibc
public import SystemPackage

/// What the file system or the kernel refuses, with the facts a caller branches on.
public enum ChunkIOError: Error, Equatable, Sendable {
    /// There is no file at the path to be sent.
    case sourceMissing(FilePath)
    /// The path to be sent is no regular file; `kind` says what it is.
    case sourceNotRegular(FilePath, kind: String)
    /// The file to be sent is another one, or was modified, since it was offered.
    case sourceChanged(FilePath)
    /// The file to be sent has become smaller: sizes in bytes.
    case sourceShrank(FilePath, expected: Int64, got: Int64)
    /// The file to be sent was deleted since it was offered.
    case sourceVanished(FilePath)
    /// A file of a folder changed after a part of it was sent, and that part is to be sent again. nil: some file.
    case partChanged(String?)
    /// What comes through a pipe ended before its end: whoever brought it is gone.
    case inputCutOff
    /// What came through a pipe was let go, as the recipient had it, and is asked for again.
    case inputForgotten

    /// The file system is full.
    case noSpace(FilePath)
    /// The file does not fit: bytes needed and bytes available to this user.
    case notEnoughSpace(FilePath, needed: Int64, available: Int64)
    /// The file system has no place for so many files and directories: needed and left.
    case notEnoughEntries(FilePath, needed: UInt64, left: UInt64)
    /// The user's disk quota is used up.
    case quotaExceeded(FilePath)

    /// The directory to write to does not exist.
    case directoryMissing(FilePath)
    /// The path has to be a directory and is none.
    case notADirectory(FilePath)
    /// Another directory stands at the path now than at the reservation.
    case directoryChanged(FilePath)
    /// A file of that name exists already.
    case nameTaken(FilePath)
    /// The file system does not take the name (too long, or characters that it does not have).
    case nameInvalid(FilePath)
    /// The partial file is gone.
    case partialMissing(FilePath)
    /// Something else stands at the partial file's name.
    case partialReplaced(FilePath)
    /// The partial file does not hold what was recorded: sizes in bytes.
    case partialWrongSize(FilePath, expected: Int64, got: Int64)
    /// The reservation was removed already, by `discard`.
    case discarded(FilePath)

    /// The file would exceed the file system's or the process's limit on file sizes.
    case fileTooLarge(FilePath)
    /// The file system is mounted read-only.
    case readOnly(FilePath)
    /// The user may not read or write there.
    case permissionDenied(FilePath)
    /// The device reports an error: data may be lost.
    case deviceFailed(FilePath)
    /// The process or the machine has no file descriptor left.
    case tooManyOpenFiles
    /// The list of a folder is not the one that was offered, or cannot be followed: what is wrong with it.
    case listRefused(String)
    /// A stored reservation or identity cannot be read.
    case damagedRecord
    /// Any other refusal: the operation and its errno.
    case system(operation: String, path: FilePath, errno: CInt)

    /// What a caller does about it.
    public enum Category: Sendable, Equatable {
        /// The file to be sent is the reason: the transfer fails, by the sender.
        case source
        /// There is no room: the transfer pauses and continues when there is.
        case space
        /// The place to write to is the reason.
        case destination
        /// This machine is the reason (descriptors, device, a damaged record, anything unforeseen).
        case local
    }

    /// What a caller does about it.
    public var category: Category {
        switch self {
        case .sourceMissing, .sourceNotRegular, .sourceChanged, .sourceShrank, .sourceVanished, .partChanged,
            .inputCutOff,
            .inputForgotten:
            .source
        case .noSpace, .notEnoughSpace, .notEnoughEntries, .quotaExceeded: .space
        case .directoryMissing, .notADirectory, .directoryChanged, .nameTaken, .nameInvalid, .partialMissing,
            .partialReplaced, .partialWrongSize, .discarded, .fileTooLarge, .readOnly, .permissionDenied:
            .destination
        case .deviceFailed, .tooManyOpenFiles, .listRefused, .damagedRecord, .system: .local
        }
    }

    /// The case for an errno that `operation` (a verb: "read", "write", …) on `path` ended with.
    public init(errno code: CInt, operation: String, path: FilePath) {
        switch code {
        case ENOSPC: self = .noSpace(path)
        case EDQUOT: self = .quotaExceeded(path)
        case EFBIG: self = .fileTooLarge(path)
        case EROFS: self = .readOnly(path)
        case EACCES, EPERM: self = .permissionDenied(path)
        case EIO, ENXIO, ENODEV, EUCLEAN: self = .deviceFailed(path)
        case EMFILE, ENFILE: self = .tooManyOpenFiles
        case ENAMETOOLONG, EILSEQ: self = .nameInvalid(path)
        default: self = .system(operation: operation, path: path, errno: code)
        }
    }
}

extension ChunkIOError: CustomStringConvertible {
    /// One lower-case sentence; characters that would disturb a terminal are escaped.
    public var description: String {
        switch self {
        case .sourceMissing(let path): "there is no file \(shown(path))"
        case .sourceNotRegular(let path, let kind): "\(shown(path)) is \(kind), not a regular file"
        case .sourceChanged(let path): "\(shown(path)) changed since it was offered"
        case .sourceShrank(let path, let expected, let got):
            "\(shown(path)) shrank from \(expected) to \(got) bytes since it was offered"
        case .sourceVanished(let path): "\(shown(path)) was deleted since it was offered"
        case .partChanged(let name):
            "\(name.map { shown(FilePath($0)) } ?? "a file") changed after a part of it was sent, and that part had to be sent "
                + "again"
        case .inputCutOff: "standard input was cut off before its end"
        case .inputForgotten: "a part of standard input is asked for again that is not kept any more"
        case .noSpace(let path): "no space left for \(shown(path))"
        case .notEnoughSpace(let path, let needed, let available):
            "\(shown(path)) has \(available) bytes free, \(needed) are needed"
        case .notEnoughEntries(let path, let needed, let left):
            "the file system of \(shown(path)) has room for \(left) more files, \(needed) are needed"
        case .quotaExceeded(let path): "your disk quota is used up, writing \(shown(path))"
        case .directoryMissing(let path): "there is no directory \(shown(path))"
        case .notADirectory(let path): "\(shown(path)) is not a directory"
        case .directoryChanged(let path): "\(shown(path)) is not the directory that was reserved in"
        case .nameTaken(let path): "\(shown(path)) exists already"
        case .nameInvalid(let path): "the file system does not take the name \(shown(path))"
        case .partialMissing(let path): "the partial file \(shown(path)) is gone"
        case .partialReplaced(let path): "the partial file \(shown(path)) was replaced by something else"
        case .partialWrongSize(let path, let expected, let got):
            "the partial file \(shown(path)) holds \(got) bytes where \(expected) are expected"
        case .discarded(let path): "the reservation of \(shown(path)) was removed"
        case .fileTooLarge(let path): "\(shown(path)) would exceed the largest file size allowed here"
        case .readOnly(let path): "\(shown(path)) is on a read-only file system"
        case .permissionDenied(let path): "no permission for \(shown(path))"
        case .deviceFailed(let path): "the device of \(shown(path)) reports an error"
        case .tooManyOpenFiles: "too many files are open"
        case .listRefused(let what): what
        case .damagedRecord: "a stored record about a file is damaged"
        case .system(let operation, let path, let errno):
            "cannot \(operation) \(shown(path)): \(Errno(rawValue: errno))"
        }
    }

    private func shown(_ path: FilePath) -> String {
        var text = "'"
        for scalar in path.string.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "'"
    }
}
