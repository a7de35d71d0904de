import ChunkIO
import Glibc
import SystemPackage
import Testing

/// A simulated crash.
private let crash = ChunkIOError.system(operation: "crash", path: "", errno: 0)

@Suite struct ReservationTests {
    private let directory = TemporaryDirectory()
    private let data = pattern(5000)

    private func reserve(_ name: String = "file.bin", writing bytes: [UInt8]? = nil) async throws -> Reservation {
        let destination = try Destination(output: directory.path.string)
        let reservation = try destination.reserve(FileName(sanitizing: name))
        #expect(try await reservation.writer().write(bytes ?? data, at: 0, expecting: nil) == .written)
        return reservation
    }

    private func partialPath() throws -> FilePath {
        directory[try #require(directory.names.first { $0.hasSuffix(".part") })]
    }

    private func finish(
        _ reservation: Reservation, _ method: PlacementMethod = .exchange,
        at step: (FinishStep) throws(ChunkIOError) -> Void = { _ throws(ChunkIOError) in }
    ) async throws -> FinishedFile {
        try await reservation.finish(FileAttributes(), size: Int64(data.count), method: method, at: step)
    }

    // MARK: - Finishing

    @Test(arguments: PlacementMethod.allCases)
    func finishes(method: PlacementMethod) async throws {
        let reservation = try await reserve()
        let finished = try await finish(reservation, method)
        #expect(finished == FinishedFile(path: directory["file.bin"], hasOtherName: false))
        #expect(directory.names == ["file.bin"])
        #expect(contents(of: finished.path) == data)
        #expect(try await reservation.finish(FileAttributes(), size: nil) == finished)
        try await reservation.discard()
        try await Reservation.discard(reservation.record)
        #expect(contents(of: finished.path) == data)
    }

    @Test(
        arguments: [
            (FileAttributes(), 0o666),
            (FileAttributes(mode: 0o4777), 0o666),
            (FileAttributes(mode: 0o7755, mayBeExecutable: true), 0o755),
            (FileAttributes(mode: 0o100640), 0o640),
            (FileAttributes(mode: 0o400), 0o400),
            (FileAttributes(mode: UInt32.max, mayBeExecutable: true), 0o777),
        ] as [(FileAttributes, UInt32)])
    func appliesModes(attributes: FileAttributes, expected: UInt32) async throws {
        let mask = UInt32(umask(0o022))
        umask(mode_t(mask))
        let finished = try await reserve().finish(attributes, size: nil)
        #expect(status(of: finished.path).st_mode & 0o7777 == expected & ~mask)
    }

    @Test(arguments: [
        (1_500_000_000, true), (0, true), (4_133_980_799, true), (-1, false), (4_133_980_800, false),
        (Int64.max, false),
    ])
    func appliesTimes(seconds: Int64, isApplied: Bool) async throws {
        let attributes = FileAttributes(modificationTimeInSeconds: seconds)
        let finished = try await reserve().finish(attributes, size: nil)
        #expect((status(of: finished.path).st_mtim.tv_sec == Int(seconds)) == isApplied)
    }

    @Test(arguments: [true, false])
    func zerosBecomeHolesWhereTheSourceHasSome(isSparse: Bool) async throws {
        let zeros = [UInt8](repeating: 0, count: 3 << 20)
        let bytes = pattern(5000) + zeros + pattern(100, seed: 2) + zeros + [7]
        let attributes = FileAttributes(modificationTimeInSeconds: 1_500_000_000, isSparse: isSparse)
        let finished = try await reserve(writing: bytes).finish(attributes, size: Int64(bytes.count))
        #expect(contents(of: finished.path) == bytes)
        let found = status(of: finished.path)
        #expect((found.st_blocks * 512 < 1 << 20) == isSparse)
        #expect(found.st_mtim.tv_sec == 1_500_000_000)
    }

    @Test func wrongSizeIsNotFinished() async throws {
        let reservation = try await reserve()
        let expected = ChunkIOError.partialWrongSize(try partialPath(), expected: 5001, got: 5000)
        await #expect(throws: expected) { try await reservation.finish(FileAttributes(), size: 5001) }
        #expect(contents(of: directory["file.bin"]) == [])
    }

    @Test func emptyFile() async throws {
        let reservation = try await reserve(writing: [])
        let finished = try await reservation.finish(FileAttributes(), size: 0)
        #expect(contents(of: finished.path) == [])
        #expect(directory.names == ["file.bin"])
        guard case .complete(let path) = try await Reservation.reopen(reservation.record) else {
            Issue.record("not complete")
            return
        }
        #expect(path == finished.path)
    }

    // MARK: - Names that others take

    enum Interference: CaseIterable {
        case fileReplaces, sameInodeWritten, symlinkReplaces, directoryReplaces, emptyFileReplaces, deleted
    }

    private func interfere(_ interference: Interference, outside: TemporaryDirectory) {
        let path = directory["file.bin"].string
        switch interference {
        case .fileReplaces:
            unlink(path)
            write([7, 7], to: directory["file.bin"])
        case .sameInodeWritten: write([7, 7], to: directory["file.bin"])
        case .symlinkReplaces:
            unlink(path)
            write([7, 7], to: outside["target"])
            symlink(outside["target"].string, path)
        case .directoryReplaces:
            unlink(path)
            mkdir(path, 0o700)
        case .emptyFileReplaces:
            // Written to another name first, so that it gets another inode even where numbers are used again.
            write([], to: directory["other"])
            rename(directory["other"].string, path)
        case .deleted: unlink(path)
        }
    }

    /// Whatever takes the name, before the look at it or right after, stays as it is.
    @Test(arguments: Interference.allCases, PlacementMethod.allCases)
    func neverReplacesWhatIsNotOurs(interference: Interference, method: PlacementMethod) async throws {
        for when in [nil, FinishStep.checked] {
            let outside = TemporaryDirectory()
            let reservation = try await reserve()
            if when == nil { interfere(interference, outside: outside) }
            let finished = try await finish(reservation, method) { step throws(ChunkIOError) in
                if step == when { interfere(interference, outside: outside) }
            }
            #expect(contents(of: finished.path) == data)
            if interference == .deleted {
                #expect(finished.path == directory["file.bin"] && !finished.hasOtherName)
            } else {
                #expect(finished.path == directory["file_1.bin"] && finished.hasOtherName)
                #expect(directory.names == ["file.bin", "file_1.bin"])
            }
            switch interference {
            case .fileReplaces, .sameInodeWritten: #expect(contents(of: directory["file.bin"]) == [7, 7])
            case .symlinkReplaces:
                #expect(contents(of: outside["target"]) == [7, 7])
                #expect(status(of: directory["file.bin"]).st_mode & S_IFMT == S_IFLNK)
            case .directoryReplaces: #expect(status(of: directory["file.bin"]).st_mode & S_IFMT == S_IFDIR)
            case .emptyFileReplaces: #expect(contents(of: directory["file.bin"]) == [])
            case .deleted: break
            }
            try await reservation.discard()
            for name in directory.names {
                if unlink(directory[name].string) != 0 { rmdir(directory[name].string) }
            }
        }
    }

    /// Without an exchange there is a moment in which the name is free.
    @Test(arguments: [PlacementMethod.link, .rename])
    func theNameIsTakenInBetween(method: PlacementMethod) async throws {
        let finished = try await finish(try await reserve(), method) { step throws(ChunkIOError) in
            if step == .exchanged { write([7], to: directory["file.bin"]) }
        }
        #expect(finished == FinishedFile(path: directory["file_1.bin"], hasOtherName: true))
        #expect(contents(of: directory["file.bin"]) == [7])
        #expect(contents(of: finished.path) == data)
        #expect(directory.names == ["file.bin", "file_1.bin"])
    }

    @Test(arguments: PlacementMethod.allCases)
    func aReplacedPartialIsNotPlaced(method: PlacementMethod) async throws {
        for when in [nil, FinishStep.checked] {
            let reservation = try await reserve()
            let partial = try partialPath()
            let replace = {
                rename(partial.string, directory["stolen"].string)
                write([6, 6], to: partial)
            }
            if when == nil { replace() }
            await #expect(throws: ChunkIOError.partialReplaced(partial)) {
                try await finish(reservation, method) { step throws(ChunkIOError) in
                    if step == when { replace() }
                }
            }
            // Nothing of it is under a final name.
            #expect(contents(of: directory["file.bin"]) ?? [] == [])
            #expect(!directory.names.contains("file_1.bin"))
            for name in directory.names { unlink(directory[name].string) }
        }
    }

    // MARK: - Crashes

    @Test(arguments: PlacementMethod.allCases, FinishStep.allCases)
    func crashesAndGoesOn(method: PlacementMethod, step: FinishStep) async throws {
        for isTaken in [false, true] {
            let record: ReservationRecord
            do {
                let reservation = try await reserve()
                record = reservation.record
                if isTaken {
                    unlink(directory["file.bin"].string)
                    write([7], to: directory["file.bin"])
                }
                do {
                    _ = try await finish(reservation, method) { reached throws(ChunkIOError) in
                        if reached == step { throw crash }
                    }
                    #expect(isTaken && step == .exchanged)
                } catch {
                    #expect(error as? ChunkIOError == crash)
                }
            }
            let stored = try ReservationRecord(text: record.text)
            let expected = isTaken ? directory["file_1.bin"] : directory["file.bin"]
            switch try await Reservation.reopen(stored) {
            case .complete(let path):
                #expect(step != .checked)
                #expect(path == expected)
            case .partial(let again):
                #expect(step != .placed)
                #expect(try await finish(again, method).path == expected)
            }
            #expect(contents(of: expected) == data)
            #expect(directory.names == (isTaken ? ["file.bin", "file_1.bin"] : ["file.bin"]))
            // Once more changes nothing.
            guard case .complete(expected) = try await Reservation.reopen(stored) else {
                Issue.record("not complete at the second look")
                return
            }
            for name in directory.names { unlink(directory[name].string) }
        }
    }

    /// Linked, but the partial's name not yet removed.
    @Test func crashBetweenLinkAndUnlink() async throws {
        let record = try await reserve().record
        let partial = try partialPath()
        unlink(directory["file.bin"].string)
        chmod(partial.string, 0o644)
        link(partial.string, directory["file.bin"].string)
        guard case .complete(let path) = try await Reservation.reopen(record) else {
            Issue.record("not complete")
            return
        }
        #expect(path == directory["file.bin"])
        #expect(directory.names == ["file.bin"])
    }

    @Test func goesOnWriting() async throws {
        let record = try await reserve().record
        guard case .partial(let again) = try await Reservation.reopen(record) else {
            Issue.record("not partial")
            return
        }
        #expect(try await again.writer().write([1, 2], at: 5000, expecting: nil) == .written)
        let finished = try await again.finish(FileAttributes(), size: 5002)
        #expect(contents(of: finished.path) == data + [1, 2])
    }

    /// The mode is set before the file is placed: whoever is not root cannot open it again just so.
    @Test func crashAfterAModeThatKeepsItsOwnerOut() async throws {
        let reservation = try await reserve()
        await #expect(throws: crash) {
            try await reservation.finish(FileAttributes(mode: 0), size: nil, method: .exchange) {
                step throws(ChunkIOError) in
                if step == .checked { throw crash }
            }
        }
        guard case .partial(let again) = try await Reservation.reopen(reservation.record) else {
            Issue.record("not partial")
            return
        }
        #expect(try await finish(again).path == directory["file.bin"])
        #expect(contents(of: directory["file.bin"]) == data)
    }

    @Test(.enabled(if: geteuid() != 0, "root may write anywhere"))
    func noPermission() async throws {
        let reservation = try await reserve()
        let destination = try Destination(output: directory.path.string)
        chmod(directory.path.string, 0o500)
        defer { chmod(directory.path.string, 0o700) }
        let refusal = ChunkIOError.permissionDenied(directory["other"])
        #expect(throws: refusal) { try destination.reserve(FileName(sanitizing: "other")) }
        await #expect(throws: ChunkIOError.permissionDenied(try partialPath())) { try await finish(reservation) }
        chmod(directory.path.string, 0o700)
        #expect(try await finish(reservation).path == directory["file.bin"])
        let secret = write([1], to: directory["secret"])
        chmod(secret.string, 0)
        #expect(throws: ChunkIOError.permissionDenied(secret)) { try ChunkReader(opening: secret) }
    }

    @Test func discardsAfterACrash() async throws {
        for step in FinishStep.allCases where step != .placed {
            for method in PlacementMethod.allCases {
                let reservation = try await reserve()
                await #expect(throws: crash) {
                    try await finish(reservation, method) { reached throws(ChunkIOError) in
                        if reached == step { throw crash }
                    }
                }
                try await Reservation.discard(reservation.record)
                try await Reservation.discard(reservation.record)
                let left = directory.names
                // Exchanged is complete: a cancellation that comes after it removes no finished file.
                let isComplete = step == .exchanged && method == .exchange
                #expect(left == (isComplete ? ["file.bin"] : []))
                for name in left { unlink(directory[name].string) }
            }
        }
    }

    // MARK: - What is not the recorded file

    @Test func aMovedPartialIsNotComplete() async throws {
        let record = try await reserve().record
        let partial = try partialPath()
        rename(partial.string, directory["file.bin"].string)
        await #expect(throws: ChunkIOError.partialMissing(partial)) { try await Reservation.reopen(record) }
        #expect(contents(of: directory["file.bin"]) == data)
    }

    @Test func aPartialThatIsGone() async throws {
        let record = try await reserve().record
        let partial = try partialPath()
        unlink(partial.string)
        await #expect(throws: ChunkIOError.partialMissing(partial)) { try await Reservation.reopen(record) }
        try await Reservation.discard(record)
        #expect(directory.names.isEmpty)
    }

    @Test func aPartialThatIsAnotherFile() async throws {
        let outside = TemporaryDirectory()
        write([7, 7], to: outside["target"])
        let record = try await reserve().record
        let partial = try partialPath()
        let replacements: [() -> Void] = [
            { symlink(outside["target"].string, partial.string) },
            { write([6], to: partial) },
            { mkdir(partial.string, 0o700) },
            { link(outside["target"].string, partial.string) },
        ]
        rename(partial.string, directory["kept"].string)
        for replace in replacements {
            replace()
            await #expect(throws: ChunkIOError.partialReplaced(partial)) { try await Reservation.reopen(record) }
            if unlink(partial.string) != 0 { rmdir(partial.string) }
        }
        symlink(outside["target"].string, partial.string)
        try await Reservation.discard(record)
        #expect(directory.names.contains { $0.hasSuffix(".part") })
        #expect(contents(of: outside["target"]) == [7, 7])
        #expect(contents(of: directory["kept"]) == data)
    }

    @Test func discardLeavesWhatOthersMade() async throws {
        let reservation = try await reserve()
        write([7], to: directory["file.bin"])
        try await reservation.discard()
        try await reservation.discard()
        #expect(directory.names == ["file.bin"])
        await #expect(throws: ChunkIOError.discarded(directory["file.bin"])) { try await finish(reservation) }
    }

    @Test func aDirectorySwappedBehindOurBack() async throws {
        let outer = directory["outer"]
        mkdir(outer.string, 0o755)
        let destination = try Destination(output: outer.string)
        let reservation = try destination.reserve(FileName(sanitizing: "f"))
        _ = try await reservation.writer().write(data, at: 0, expecting: nil)
        // The parent is swapped: for a symlink to a place that is not ours, then for another directory.
        let outside = TemporaryDirectory()
        rename(outer.string, directory["moved"].string)
        symlink(outside.path.string, outer.string)
        await #expect(throws: ChunkIOError.directoryChanged(outer)) { try await Reservation.reopen(reservation.record) }
        try await Reservation.discard(reservation.record)
        unlink(outer.string)
        mkdir(outer.string, 0o755)
        await #expect(throws: ChunkIOError.directoryChanged(outer)) { try await Reservation.reopen(reservation.record) }
        rmdir(outer.string)
        await #expect(throws: ChunkIOError.directoryMissing(outer)) { try await Reservation.reopen(reservation.record) }
        try await Reservation.discard(reservation.record)
        // Who has it open goes on in the directory itself, and says where that is.
        let finished = try await reservation.finish(FileAttributes(), size: nil)
        #expect(finished.path == directory["moved"].appending("f"))
        #expect(contents(of: finished.path) == data)
        #expect(outside.names.isEmpty)
    }

    /// After a reboot device numbers may be others; inode and birth still tell.
    @Test func anotherBootGivesOtherDevices() async throws {
        let record = try await reserve().record
        var fields = record.text.split(separator: " ").map(String.init)
        for index in 3...5 { fields[index] = "999" + (fields[index].drop { $0 != ":" }) }
        let sameBoot = try ReservationRecord(text: fields.joined(separator: " "))
        await #expect(throws: ChunkIOError.directoryChanged(directory.path)) {
            try await Reservation.reopen(sameBoot)
        }
        fields[1] = "another-boot"
        let otherBoot = try ReservationRecord(text: fields.joined(separator: " "))
        guard case .partial(let again) = try await Reservation.reopen(otherBoot) else {
            Issue.record("not partial")
            return
        }
        #expect(try await finish(again).path == directory["file.bin"])
        #expect(!currentBootIdentifier().isEmpty)
    }
}
