import ChunkIO
import Glibc
import SystemPackage
import Testing

@Suite struct DestinationTests {
    private let directory = TemporaryDirectory()

    private func finalNames() -> [String] { directory.names.filter { !$0.hasPrefix(".sx-") } }

    @Test func reservesInADirectory() async throws {
        let destination = try Destination(output: directory.path.string)
        #expect(destination.exactName == nil)
        #expect(destination.directoryPath == directory.path)
        let first = try destination.reserve(FileName(sanitizing: "a b.txt"))
        let second = try destination.reserve(FileName(sanitizing: "a b.txt"))
        #expect(first.record.finalPath == directory["a b.txt"])
        #expect(second.record.finalPath == directory["a b_1.txt"])
        #expect(finalNames() == ["a b.txt", "a b_1.txt"])
        #expect(status(of: directory["a b.txt"]).st_mode & 0o7777 == 0o600)
        #expect(status(of: directory["a b.txt"]).st_size == 0)
        let partials = directory.names.filter { $0.hasPrefix(".sx-") && $0.hasSuffix(".part") && $0.count == 25 }
        #expect(partials.count == 2)
        for name in partials { #expect(status(of: directory[name]).st_mode & 0o777 == 0o600) }
        try await first.discard()
        #expect(finalNames() == ["a b_1.txt"])
        try await second.discard()
        #expect(directory.names.isEmpty)
    }

    /// A name is taken by anything: a directory, a symlink that leads nowhere, a hidden target.
    @Test func takenByOtherThings() async throws {
        mkdir(directory["x"].string, 0o755)
        symlink("/tmp/sxfile-nowhere", directory["x_1"].string)
        let destination = try Destination(output: directory.path.string)
        let reservation = try destination.reserve(FileName(sanitizing: "x"))
        #expect(reservation.record.finalPath == directory["x_2"])
        #expect(access("/tmp/sxfile-nowhere", F_OK) != 0)
    }

    @Test func manyInOneInstant() async throws {
        let destination = try Destination(output: directory.path.string)
        let names = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try destination.reserve(FileName(sanitizing: "n.bin")).record.finalName.string
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(names == Set(["n.bin"] + (1..<20).map { "n_\($0).bin" }))
    }

    @Test func exactPath() async throws {
        let destination = try Destination(output: directory["exact.bin"].string)
        #expect(destination.exactName?.string == "exact.bin")
        #expect(directory.names.isEmpty)
        let reservation = try destination.reserve(FileName(sanitizing: "peer's name"))
        #expect(reservation.record.finalPath == directory["exact.bin"])
        // Taken now: for a second look at the same destination, and for a new one.
        #expect(throws: ChunkIOError.nameTaken(directory["exact.bin"])) {
            try destination.reserve(FileName(sanitizing: "other"))
        }
        #expect(throws: ChunkIOError.nameTaken(directory["exact.bin"])) {
            try Destination(output: directory["exact.bin"].string)
        }
        symlink("nowhere", directory["dangling"].string)
        #expect(throws: ChunkIOError.nameTaken(directory["dangling"])) {
            try Destination(output: directory["dangling"].string)
        }
    }

    @Test func refusesWhatIsNoPlace() {
        let missing = directory["missing"]
        #expect(throws: ChunkIOError.directoryMissing(missing)) {
            try Destination(output: missing.string, requiresDirectory: true)
        }
        #expect(throws: ChunkIOError.directoryMissing(missing)) { try Destination(output: missing.string + "/") }
        #expect(throws: ChunkIOError.directoryMissing(missing)) { try Destination(output: missing.string + "/file") }
        #expect(throws: ChunkIOError.directoryMissing("")) { try Destination(output: "") }
        let file = write([1], to: directory["file"])
        #expect(throws: ChunkIOError.notADirectory(file)) {
            try Destination(output: file.string, requiresDirectory: true)
        }
        #expect(throws: ChunkIOError.notADirectory(file)) { try Destination(output: file.string + "/") }
        #expect(throws: ChunkIOError.notADirectory(file)) { try Destination(output: file.string + "/below") }
        let long = directory[String(repeating: "x", count: 300)]
        #expect(throws: ChunkIOError.nameInvalid(long)) { try Destination(output: long.string) }
    }

    @Test func directoryThroughASymlink() async throws {
        mkdir(directory["real"].string, 0o755)
        symlink("real", directory["link"].string)
        let destination = try Destination(output: directory["link"].string)
        let reservation = try destination.reserve(FileName(sanitizing: "f"))
        #expect(reservation.record.finalPath == directory["real"].appending("f"))
    }

    @Test func prefixOfADirectoryIsNotTheDirectory() throws {
        mkdir(directory["down"].string, 0o755)
        let destination = try Destination(output: directory["downloads"].string)
        #expect(destination.exactName?.string == "downloads")
        #expect(destination.directoryPath == directory.path)
    }

    @Test func downloadsAreMade() throws {
        let previous = getenv("HOME").map { String(cString: $0) }
        setenv("HOME", directory.path.string, 1)
        defer { if let previous { setenv("HOME", previous, 1) } else { unsetenv("HOME") } }
        for _ in 0..<2 {
            let destination = try Destination.downloads()
            #expect(destination.directoryPath == directory["Downloads"])
        }
        setenv("HOME", directory["no/such"].string, 1)
        #expect(throws: ChunkIOError.directoryMissing(directory["no/such"])) { try Destination.downloads() }
    }

    @Test func recordAsText() async throws {
        let odd = directory["an odd % näme\n"]
        mkdir(odd.string, 0o755)
        let destination = try Destination(output: odd.string)
        let reservation = try destination.reserve(FileName(sanitizing: "ünïcode 100%.bin"))
        let record = reservation.record
        #expect(record.text.utf8.allSatisfy { (0x20...0x7E).contains($0) })
        #expect(try ReservationRecord(text: record.text) == record)
        #expect(record.finalPath == odd.appending("ünïcode 100%.bin"))
        let fields = record.text.split(separator: " ").map(String.init)
        for index in fields.indices {
            for wrong in index == 1 ? [] : ["", "x", "%", "%4", "..", "%00", "2:2"] {
                var damaged = fields
                damaged[index] = wrong
                // A name may be nearly anything; then another file is meant, and reopening finds none.
                if (6...7).contains(index) && wrong != "" && wrong != ".." && !wrong.hasPrefix("%") { continue }
                if (6...7).contains(index) && wrong == "2:2" { continue }
                #expect(throws: ChunkIOError.damagedRecord, "field \(index): \(wrong)") {
                    try ReservationRecord(text: damaged.joined(separator: " "))
                }
            }
        }
        #expect(throws: ChunkIOError.damagedRecord) { try ReservationRecord(text: record.text + " ") }
        for text in ["", " ", "1", String(record.text.dropFirst())] {
            #expect(throws: ChunkIOError.damagedRecord) { try ReservationRecord(text: text) }
        }
    }
}
