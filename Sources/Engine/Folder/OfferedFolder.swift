import ChatProtocol
import TransferCore
import WireFormat

/// What an offer says about a folder: how its stream is made up, what is in it in all, and its first entries.
struct OfferedFolder: Equatable, Sendable {
    var layout: FolderLayout
    /// SHA-256 of the manifest: what is accepted is what was shown.
    var hash: [UInt8]
    var totals: ManifestTotals
    /// The first entries, in order.
    var first: [ManifestEntry]

    /// So many entries are in an offer at the most.
    static let firstLimit = 1000
    /// So many bytes of them, so that the offer stays within what a message may say.
    static let firstBytes = 52 << 10

    /// - Parameter first: cut to what an offer has room for.
    init(layout: FolderLayout, hash: [UInt8], totals: ManifestTotals, first: [ManifestEntry]) {
        self.layout = layout
        self.hash = hash
        self.totals = totals
        var room = Self.firstBytes
        self.first = Array(
            first.prefix(Self.firstLimit).prefix { entry in
                // Quotes and backslashes are escaped once more, and each string has quotes and a comma.
                room -= entry.line.reduce(3) { $0 + ($1 == UInt8(ascii: "\"") || $1 == UInt8(ascii: "\\") ? 2 : 1) }
                return room >= 0
            })
    }

    /// Reads the `entries` of an offer; nil if they do not fit together.
    init?(_ json: JSONValue?) {
        guard let json, let hash = json["hash"]?.string.flatMap({ Base64.decode($0) }), hash.count == 32,
            let manifest = Self.count(json, "list"), let files = Self.count(json, "files"),
            let bytes = Self.count(json, "bytes"),
            let layout = try? FolderLayout(manifest: manifest, content: bytes, files: files)
        else { return nil }
        var totals = ManifestTotals()
        totals.files = files
        totals.bytes = bytes
        totals.directories = Self.count(json, "directories") ?? 0
        totals.links = Self.count(json, "links") ?? 0
        totals.hidden = Self.count(json, "hidden") ?? 0
        totals.executable = Self.count(json, "executable") ?? 0
        var reader = ManifestReader()
        var first: [ManifestEntry] = []
        for line in (json["first"]?.array ?? []).prefix(Self.firstLimit) {
            guard let text = line.string, let entry = try? ManifestEntry(line: text.utf8),
                (try? reader.take(entry)) != nil
            else { return nil }
            first.append(entry)
        }
        self.init(layout: layout, hash: hash, totals: totals, first: first)
    }

    private static func count(_ json: JSONValue, _ key: String) -> UInt64? {
        json[key]?.integer.flatMap { UInt64(exactly: $0) }
    }

    var json: JSONValue {
        func number(_ value: UInt64) -> JSONValue { .integer(Int64(clamping: value)) }
        return .object([
            JSONMember("list", number(layout.manifest)), JSONMember("hash", .string(Base64.encode(hash))),
            JSONMember("files", number(layout.files)), JSONMember("bytes", number(layout.content)),
            JSONMember("directories", number(totals.directories)), JSONMember("links", number(totals.links)),
            JSONMember("hidden", number(totals.hidden)), JSONMember("executable", number(totals.executable)),
            JSONMember("first", .array(first.map { .string(String(decoding: $0.line.dropLast(), as: UTF8.self)) })),
        ])
    }
}
