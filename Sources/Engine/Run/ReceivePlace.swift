import ChunkIO
import SystemPackage
import TransferCore

extension ReceiveRunner {
    /// Where the bytes go.
    enum Place {
        case partial(any ChunkDestination, any ChunkSink)
        /// A crash came after the file was put into place; what was to be told of a folder.
        case complete(String, FolderReport?)

        /// What the bytes go to, if that is a folder.
        var folder: FolderWriter? {
            if case .partial(let writer as FolderWriter, _) = self { writer } else { nil }
        }

        /// Opens the partial again, or finds that it is complete.
        init(_ transfer: Transfer) async throws(ChunkIOError) {
            let text = transfer.destination ?? ""
            guard let folder = transfer.folder else {
                switch try await Reservation.reopen(try ReservationRecord(text: text)) {
                case .partial(let reservation):
                    self = .partial(reservation, reservation.writer(size: transfer.size.map(Int64.init(clamping:))))
                case .complete(let path): self = .complete(path.string, nil)
                }
                return
            }
            switch try await FolderReservation.reopen(try FolderRecord(text: text)) {
            case .partial(let reservation):
                let writer = try FolderWriter(
                    reservation, layout: folder.layout, manifestHash: folder.hash, totals: folder.totals)
                self = .partial(writer, writer)
            case .complete(let path, let report): self = .complete(path.string, report)
            }
        }
    }
}
