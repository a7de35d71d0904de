import TransferCore

/// A manifest: what its reader lets pass stays below the folder.
func checkManifest(_ bytes: [UInt8]) {
    var reader = ManifestReader()
    var directories: Set<[UInt8]> = [[]]
    var paths: Set<[UInt8]> = []
    var total: UInt64 = 0
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
        guard let entry = try? ManifestEntry(line: line) else { continue }
        expect(entry.line.dropLast().elementsEqual(line), "an entry prints otherwise")
        guard (try? reader.take(entry)) != nil else { continue }
        expect(paths.insert(entry.path).inserted, "a path passes twice")
        expect(directories.contains(Array(entry.parent)), "an entry passes that stands in no directory")
        expect(entry.path.first != UInt8(ascii: "/") && !entry.path.contains(0), "a path that leads elsewhere")
        let components = entry.path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for component in components {
            expect(!component.isEmpty && component.count <= 255, "a component that is none")
            expect(component != [0x2E] && component != [0x2E, 0x2E], "a component that leads elsewhere")
        }
        if entry.kind == .directory { directories.insert(entry.path) }
        if entry.isFile { total += entry.size }
        if entry.kind == .link { checkInside(entry, components.count - 1) }
    }
    expect(reader.totals.bytes == total, "a manifest is summed up wrongly")
}

/// No step of a link leaves the folder.
private func checkInside(_ entry: ManifestEntry, _ depth: Int) {
    expect(entry.target.first != UInt8(ascii: "/"), "a link that is absolute")
    var depth = depth
    for component in entry.target.split(separator: UInt8(ascii: "/")) {
        if component == [0x2E, 0x2E] { depth -= 1 } else if component != [0x2E] { depth += 1 }
        expect(depth >= 0, "a link out of the folder")
    }
}
