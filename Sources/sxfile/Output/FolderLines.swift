import Engine
import TransferCore

/// Folders in words and objects.
extension ManifestEntry {
    /// The path as it can be shown.
    var shownPath: String { PlainText.escaped(String(decoding: path, as: UTF8.self)) }

    /// What a recipient should notice before accepting.
    var marks: [String] { (isHidden ? ["hidden"] : []) + (isExecutable ? ["executable"] : []) }

    /// Kind or size, marks, path; the path last, so that no name can pass for another field.
    var listLine: String {
        let first =
            switch kind {
            case .directory: "folder"
            case .file, .sparse: Quantity.size(size)
            case .link: "link"
            }
        let arrow = kind == .link ? " -> " + PlainText.escaped(String(decoding: target, as: UTF8.self)) : ""
        return [first, marks.joined(separator: ", "), shownPath + arrow].joined(separator: "\t")
    }

    /// The members of an `entry` object. `path` is for people, `encodedPath` has every byte.
    var jsonMembers: [(String, JSONText)] {
        let word =
            switch kind {
            case .directory: "folder"
            case .file, .sparse: "file"
            case .link: "link"
            }
        return [
            ("kind", .string(word)), ("size", .bytes(size)), ("mode", .string("0" + String(mode, radix: 8))),
            ("modifiedAt", .optional(modifiedAt.map(Quantity.timestamp))), ("hidden", .bool(isHidden)),
            ("executable", .bool(isExecutable)), ("path", .string(String(decoding: path, as: UTF8.self))),
            ("encodedPath", .string(encodedPath)),
            ("target", .optional(kind == .link ? String(decoding: target, as: UTF8.self) : nil)),
        ]
    }
}

extension ManifestTotals {
    /// `3 files, 1 folder, 12.0 KiB`.
    var shown: String {
        var parts = [Self.counted(files, "file")]
        if directories > 0 { parts.append(Self.counted(directories, "folder")) }
        if links > 0 { parts.append(Self.counted(links, "link")) }
        parts.append(Quantity.size(bytes))
        return parts.joined(separator: ", ")
    }

    /// What a recipient should notice before accepting.
    var marks: [String] {
        (hidden > 0 ? ["\(hidden) hidden"] : []) + (executable > 0 ? ["\(executable) executable"] : [])
    }

    private static func counted(_ count: UInt64, _ what: String) -> String {
        "\(count) \(what)\(count == 1 ? "" : "s")"
    }
}

extension Console {
    /// So many warnings of one kind are told one by one.
    private static let warningLimit = 20

    /// What a folder is sent without.
    func warn(of look: FolderLook) {
        for omission in look.omissions.prefix(Self.warningLimit) {
            complain("warning", "\(omission.path) is not sent: \(omission.reason)", color: 33)
        }
        let rest = look.omitted - min(look.omitted, UInt64(Self.warningLimit))
        if rest > 0 { complain("warning", "\(rest) more are not sent", color: 33) }
    }

    /// What did not arrive as it was, once a folder is complete.
    func warn(of transfer: Transfer) {
        guard transfer.state == .complete, let folder = transfer.folder else { return }
        for note in folder.notes.prefix(Self.warningLimit) { complain("warning", note, color: 33) }
        let told = UInt64(min(folder.notes.count, Self.warningLimit))
        if folder.missing > told { complain("warning", "\(folder.missing) files are missing in all", color: 33) }
    }
}
