import ChunkIO
import Guarding

/// What the transfers of an engine read at a time: the same file that goes to several is opened once, and read once for those
/// that are at the same place.
final class SharedSources: Sendable {
    private struct Shelf: Sendable {
        weak var source: SharedSource?
    }

    private let open = Guarded<[String: Shelf]>([:])
    /// Of an input that goes to a group: up to where each member's part needs it no more.
    private let handled = Guarded<[Int64: [Int64: Int64]]>([:])

    /// A reader of what `key` names; `opening` is asked for it if nobody reads it.
    func reader(
        of key: String, opening: () throws(ChunkIOError) -> any ChunkSource
    ) throws(ChunkIOError) -> SharedReader {
        try open.withLock { open throws(ChunkIOError) in
            if let source = open[key]?.source {
                try source.source.verifyUnchanged()
                return source.reader()
            }
            open = open.filter { $0.value.source != nil }
            let source = SharedSource(try opening())
            open[key] = Shelf(source: source)
            return source.reader()
        }
    }

    /// Up to where nobody needs an input any more, if `transfer` does not before `offset`.
    func releasable(of transfer: Transfer, before offset: Int64, _ profile: Profile) -> Int64 {
        guard let whole = transfer.parent else { return offset }
        guard let members = (try? profile.transfer(id: whole))??.members else { return 0 }
        return handled.withLock { handled in
            handled[whole, default: [:]][transfer.id] = offset
            return members.filter { !$0.state.isEnded }.map { handled[whole]?[$0.id] ?? 0 }.min() ?? 0
        }
    }
}
