import Glibc
import Primitives
import SystemPackage
import Testing
import TransferCore

@testable import ChunkIO

/// Folders from one directory to another, without a network.
@Suite struct FolderTests {
    private let source = TemporaryDirectory()
    private let target = TemporaryDirectory()
    private let spool = TemporaryDirectory()

    private func make(_ path: String, _ bytes: [UInt8] = Array("x".utf8), mode: UInt32 = 0o644) throws {
        let full = source.path.appending(path)
        var parents: [FilePath] = []
        var parent = full.removingLastComponent()
        while parent != source.path {
            parents.append(parent)
            parent.removeLastComponent()
        }
        for parent in parents.reversed() { mkdir(parent.string, 0o755) }
        let file = try FileDescriptor.open(
            full, .writeOnly, options: [.create, .truncate], permissions: FilePermissions(rawValue: mode))
        try file.closeAfter { _ = try file.writeAll(bytes) }
    }

    private func bytes(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            var all: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 1 << 16)
            while case let count = try piece.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
                all += piece[..<count]
            }
            return all
        }
    }

    private struct Offer {
        let scan: FolderScan
        let layout: FolderLayout
        let reader: FolderReader
    }

    private func offer(excluding patterns: [String] = []) throws -> Offer {
        let list = spool.path.appending("list")
        let sources = [FolderSource(name: nil, path: source.path)]
        let scan = try FolderScan(sources, excluding: patterns.compactMap(ExcludePattern.init), to: list)
        let layout = try FolderLayout(manifest: scan.length, content: scan.totals.bytes, files: scan.totals.files)
        let reader = try FolderReader(
            manifest: list, verdicts: spool.path.appending("verdicts"), layout: layout, sources: sources)
        return Offer(scan: scan, layout: layout, reader: reader)
    }

    private func writer(_ offer: Offer, _ reservation: FolderReservation) throws -> FolderWriter {
        try FolderWriter(reservation, layout: offer.layout, manifestHash: offer.scan.hash)
    }

    private func reserve(in directory: FilePath? = nil) throws -> FolderReservation {
        let destination = try Destination(output: (directory ?? target.path).string)
        return try destination.reserveFolder(FileName(sanitizing: "folder"))
    }

    /// Copies chunks, in this order or from the start.
    private func copy(
        _ offer: Offer, to writer: FolderWriter, chunk: Int = 1000, order: (([Int]) -> [Int])? = nil
    ) async throws {
        let count = (Int(offer.layout.size) + chunk - 1) / chunk
        let numbers = Array(0..<count)
        for number in order?(numbers) ?? numbers {
            let start = number * chunk
            let read = try await offer.reader.read(
                at: Int64(start), length: min(chunk, Int(offer.layout.size) - start))
            #expect(try await writer.write(read.bytes, at: Int64(start), expecting: read.sha256) == .written)
        }
    }

    private func makeSome() throws {
        try make("a/one", pattern(3000), mode: 0o600)
        try make("a/two/three.sh", pattern(10, seed: 2), mode: 0o755)
        try make("b", pattern(5000, seed: 3))
        try make("empty", [])
        mkdir(source.path.appending("void").string, 0o711)
        symlink("a/two", source.path.appending("link").string)
    }

    private func expectSame(_ name: String = "folder") throws {
        let root = target.path.appending(name)
        for path in ["a/one", "a/two/three.sh", "b", "empty"] {
            #expect(try bytes(root.appending(path)) == bytes(source.path.appending(path)))
        }
        for path in ["a/one", "a/two", "a/two/three.sh", "void", "b"] {
            var (was, now) = (stat(), stat())
            stat(source.path.appending(path).string, &was)
            stat(root.appending(path).string, &now)
            #expect(was.st_mode == now.st_mode)
            #expect(was.st_mtim.tv_sec == now.st_mtim.tv_sec && was.st_mtim.tv_nsec == now.st_mtim.tv_nsec)
        }
        var target = [CChar](repeating: 0, count: 100)
        #expect(readlink(root.appending("link").string, &target, 99) == 5)
    }

    private static let attributes = FileAttributes(mode: 0o755, mayBeExecutable: true)

    @Test(arguments: [7, 100, 1000, 262_144])
    func arrivesWhole(chunk: Int) async throws {
        try makeSome()
        let offer = try offer()
        #expect(offer.scan.totals.files == 4)
        let writer = try writer(offer, reserve())
        try await copy(offer, to: writer, chunk: chunk)
        try await writer.sync()
        let file = try await writer.finish(Self.attributes, size: nil)
        #expect(file == FinishedFile(path: target.path.appending("folder"), hasOtherName: false))
        try expectSame()
        #expect(await writer.report() == FolderReport())
        await writer.clear()
        #expect(target.names == ["folder"])
    }

    @Test func chunksMayComeInAnyOrder() async throws {
        try makeSome()
        let offer = try offer()
        let writer = try writer(offer, reserve())
        var generator = SeededGenerator(seed: 4)
        try await copy(offer, to: writer, chunk: 50) { $0.shuffled(using: &generator) }
        _ = try await writer.finish(Self.attributes, size: nil)
        try expectSame()
    }

    @Test func aCrashBeforeTheListIsWholeBeginsAnewAndLaterGoesOn() async throws {
        try makeSome()
        let offer = try offer()
        let reservation = try reserve()
        let record = try FolderRecord(text: reservation.record.text)
        #expect(record == reservation.record)
        var writer: FolderWriter? = try writer(offer, reservation)
        try await copy(offer, to: try #require(writer), chunk: 60) { Array($0.dropFirst()) }
        writer = nil
        guard case .partial(let again) = try await FolderReservation.reopen(record) else {
            return #expect(Bool(false), "complete")
        }
        writer = try self.writer(offer, again)
        #expect(writer?.isFresh == true)
        try await copy(offer, to: try #require(writer), chunk: 60) { Array($0.dropLast(60)) }
        writer = nil
        guard case .partial(let third) = try await FolderReservation.reopen(record) else {
            return #expect(Bool(false), "complete")
        }
        let last = try self.writer(offer, third)
        #expect(!last.isFresh)
        try await copy(offer, to: last, chunk: 60) { Array($0.suffix(60)) }
        _ = try await last.finish(Self.attributes, size: nil)
        try expectSame()
        guard case .complete(let path, _) = try await FolderReservation.reopen(record) else {
            return #expect(Bool(false), "partial")
        }
        #expect(path == target.path.appending("folder"))
        try await FolderReservation.discard(record)
        try expectSame()
    }

    @Test func whatIsDiscardedLeavesNothing() async throws {
        try makeSome()
        let offer = try offer()
        let reservation = try reserve()
        let writer = try writer(offer, reservation)
        try await copy(offer, to: writer)
        try await FolderReservation.discard(reservation.record)
        try await FolderReservation.discard(reservation.record)
        #expect(target.names == [])
    }

    @Test func aTakenNameIsStepppedOverAtBothEnds() async throws {
        try makeSome()
        mkdir(target.path.appending("folder").string, 0o700)
        let offer = try offer()
        let reservation = try reserve()
        #expect(reservation.record.finalName.string == "folder_1")
        let writer = try writer(offer, reservation)
        try await copy(offer, to: writer)
        // Somebody puts something into the directory that keeps the name.
        mkdir(target.path.appending("folder_1").appending("theirs").string, 0o700)
        let file = try await writer.finish(Self.attributes, size: nil)
        #expect(file.hasOtherName)
        try expectSame("folder_1_1")
        await writer.clear()
        #expect(target.names == ["folder", "folder_1", "folder_1_1"])
    }

    @Test func filesThatChangeAreReportedAndTheOthersArrive() async throws {
        try makeSome()
        try make("z/later", pattern(100))
        let offer = try offer()
        try make("a/one", pattern(3001))
        unlink(source.path.appending("b").string)
        unlink(source.path.appending("z/later").string)
        symlink("/etc/passwd", source.path.appending("z/later").string)
        let writer = try writer(offer, reserve())
        try await copy(offer, to: writer)
        _ = try await writer.finish(Self.attributes, size: nil)
        let report = await writer.report()
        #expect(report.missing == 3)
        #expect(report.notes.count == 3)
        let failures = try await offer.reader.failures(atMost: 2)
        #expect(failures.count == 3)
        #expect(
            failures.first == [
                FolderScan.Omission(path: Array("a/one".utf8), reason: FileVerdict.changed.text),
                FolderScan.Omission(path: Array("b".utf8), reason: FileVerdict.gone.text),
            ])
        let root = target.path.appending("folder")
        #expect(access(root.appending("a/one").string, F_OK) != 0)
        #expect(access(root.appending("b").string, F_OK) != 0)
        #expect(access(root.appending("z/later").string, F_OK) != 0)
        #expect(access(root.appending("a/two/three.sh").string, F_OK) == 0)
    }

    @Test func aCrashBehindTheRenameKeepsTheReport() async throws {
        try makeSome()
        let offer = try offer()
        unlink(source.path.appending("b").string)
        let reservation = try reserve()
        let writer = try writer(offer, reservation)
        try await copy(offer, to: writer)
        _ = try await writer.finish(Self.attributes, size: nil)
        let told = await writer.report()
        #expect(told.missing == 1)
        for _ in 0..<2 {
            guard case .complete(_, let report) = try await FolderReservation.reopen(reservation.record) else {
                return #expect(Bool(false), "partial")
            }
            #expect(report == told)
        }
        try FolderReservation.clear(reservation.record)
        try FolderReservation.clear(reservation.record)
        guard case .complete(_, let report) = try await FolderReservation.reopen(reservation.record) else {
            return #expect(Bool(false), "partial")
        }
        #expect(report == nil)
        #expect(target.names == ["folder"])
    }

    @Test func aPartThatIsReadAgainHasToBeWhatItWas() async throws {
        try makeSome()
        try make("a/one", pattern(3000))
        let offer = try offer()
        let hashes = try ChunkHashes(opening: spool.path.appending("hashes"))
        func read(_ number: UInt64, _ hashes: ChunkHashes) async throws -> Bool {
            let chunk = try await offer.reader.read(at: Int64(number - 1) * 1000, length: 1000)
            return try hashes.agrees(number, chunk.sha256)
        }
        for number in [1, 2, 3, 2] as [UInt64] { #expect(try await read(number, hashes)) }
        try make("a/one", pattern(3000, seed: 9))
        #expect(try await read(4, hashes))
        // Also for a later run.
        #expect(try await !read(2, ChunkHashes(opening: spool.path.appending("hashes"))))
        #expect(await offer.reader.firstFailure(in: 1000..<2000) == "a/one")
        #expect(await offer.reader.firstFailure(in: offer.layout.size - 7..<offer.layout.size) == nil)
        #expect("\(ChunkIOError.partChanged("a/one"))".hasPrefix("'a/one' changed after a part of it was sent"))
    }

    @Test func holesStayHoles() async throws {
        try make("disk", pattern(4096))
        let path = source.path.appending("disk").string
        truncate(path, 8 << 20)
        let offer = try offer()
        #expect(offer.scan.first.first?.kind == .sparse)
        let writer = try writer(offer, reserve())
        try await copy(offer, to: writer, chunk: 1 << 18)
        _ = try await writer.finish(Self.attributes, size: nil)
        var status = stat()
        stat(target.path.appending("folder/disk").string, &status)
        #expect(status.st_size == 8 << 20)
        #expect(status.st_blocks * 512 < 1 << 20)
        #expect(try bytes(target.path.appending("folder/disk")) == bytes(source.path.appending("disk")))
    }

    @Test func anotherListIsRefused() async throws {
        try makeSome()
        let offer = try offer()
        let writer = try FolderWriter(
            reserve(), layout: offer.layout, manifestHash: [UInt8](repeating: 1, count: 32))
        await #expect(throws: ChunkIOError.self) { try await copy(offer, to: writer) }
        #expect(Set(target.names).contains("folder"))
        #expect(Set(TemporaryDirectory.list(target.path.appending("folder").string)) == [])
    }

    @Test func hostileListsMakeNothing() async throws {
        for line in ["l 0 777 - a /etc\n", "f 1 644 - ../a\n", "d 0 755 - a\nf 1 644 - a\n", "f 1 644 - a"] {
            let manifest = ManifestReader.heading + Array(line.utf8)
            let layout = try FolderLayout(manifest: UInt64(manifest.count), content: 1, files: 1)
            let reservation = try reserve()
            let writer = try FolderWriter(reservation, layout: layout, manifestHash: SHA256.hash(manifest))
            await #expect(throws: ChunkIOError.self) {
                _ = try await writer.write(manifest + [0, 0], at: 0, expecting: nil)
            }
            try await FolderReservation.discard(reservation.record)
        }
        #expect(target.names == [])
    }

    @Test func patternsLeaveOut() throws {
        try make(".git/config")
        try make("src/.git/x")
        try make("src/main.o")
        try make("src/main.c")
        try make("build/out")
        try make("src/build")
        let offer = try offer(excluding: [".git", "*.o", "build/"])
        #expect(offer.scan.first.map(\.encodedPath) == ["src", "src/build", "src/main.c"])
        #expect(offer.scan.omitted == 0)
    }

    @Test(arguments: [
        ("*.o", "a/b.o", true), ("*.o", "a/b.oo", false), ("a/*.o", "a/b.o", true), ("a/*.o", "a/b/c.o", false),
        ("a/**/c", "a/b/x/c", true), ("**/c", "a/b/c", true), ("/a", "a", true), ("/a", "b/a", false),
        ("?", "a/b", true), ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[", "[", true), ("\\*", "*", true),
        ("\\*", "a", false), ("*", "anything", true), ("a*b*c", "aXbYc", true), ("a*b*c", "aXbY", false),
    ])
    func patterns(pattern: String, path: String, isMatch: Bool) throws {
        let read = try #require(ExcludePattern(pattern))
        #expect(read.matches(path: Array(path.utf8), isDirectory: false) == isMatch)
    }

    /// What a file system that folds case, or normalizes, says: the name is there already.
    @Test func namesThatClashGetAnother() throws {
        let root = target.path.appending("tree")
        mkdir(root.string, 0o755)
        for name in ["name", "dir"] { mkdir(root.appending(name).string, 0o755) }
        let tree = FolderTree(Handle(open(root.string, O_RDONLY | O_DIRECTORY), root))
        let entries = ["dir", "dir/inner", "dir/inner/x", "name", "other"].map { path in
            ManifestEntry(path.hasSuffix("r") && path != "other" ? .directory : .file, path: Array(path.utf8), size: 0)
        }
        let made = try entries.map { try tree.make($0).map { String(decoding: $0, as: UTF8.self) } }
        #expect(made == ["dir_1", nil, nil, "name_1", nil])
        for entry in entries where entry.isFile { try tree.settle(entry, mode: 0o644) }
        #expect(access(root.appending("dir_1/inner/x").string, F_OK) == 0)
        #expect(tree.otherNames.count == 2)
    }
}
