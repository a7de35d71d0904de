// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours: Swift 6 language mode (strict concurrency), warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let collections: Target.Dependency = .product(name: "Collections", package: "swift-collections")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

let package = Package(
    name: "sxfile",
    products: [
        .executable(name: "sxfile", targets: ["sxfile"]),
        // Only a product can be used from another package: these are what Benchmarks/ measures function by function.
        .library(
            name: "HotPath", targets: ["Primitives", "ChatProtocol", "DoubleRatchet", "SMPProtocol", "ChunkIO"]),
        // What Fuzz/ feeds with random bytes.
        .library(
            name: "Parsers",
            targets: [
                "WireFormat", "Primitives", "ChatProtocol", "DoubleRatchet", "SMPProtocol", "TransferCore",
                "TLSTransport", "DirectLane", "TOML",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // C libraries: a module map and a shim header each.
        .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),
        .target(
            name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "CLiburing", linkerSettings: [.linkedLibrary("uring")]),
        .target(name: "CLinux"),
        // SHA-256 of two inputs at once.
        .target(name: "CSHA256"),
        // Salsa20 of sixteen blocks at once.
        .target(name: "CSalsa"),

        // Pure: values in, values out.
        library("QRCode"),
        library("TOML"),
        library("WireFormat"),
        library("Primitives", ["WireFormat", "COpenSSL", "CSHA256", "CSalsa", "CSodium"]),
        library("ChatProtocol", ["WireFormat"]),
        library("DoubleRatchet", ["WireFormat", "Primitives"]),
        library("SMPProtocol", ["WireFormat", "Primitives"]),
        library("TransferCore", ["WireFormat", "Primitives", "ChatProtocol"]),
        library("GroupCore", ["WireFormat", "Primitives", "ChatProtocol"]),

        // A lock that every tool understands.
        library("Guarding"),

        // Edges: sockets, disks, the database.
        library("RateLimit", ["Guarding"]),
        library("TLSTransport", ["COpenSSL", "Guarding", "Primitives", "RateLimit", nioCore, nioPosix]),
        library("ChunkIO", ["CLiburing", "Guarding", "Primitives", "TransferCore", "WireFormat", system]),
        library("DirectLane", ["CLinux", "COpenSSL", "ChunkIO", "Guarding", "Primitives", "RateLimit"]),
        library("Database", [grdb, system]),
        library(
            "SMPClient",
            [
                "Guarding", "SMPProtocol", "Primitives", "RateLimit", "WireFormat", "TLSTransport", nioCore, logging,
                collections,
            ]),
        library(
            "SMPRelay",
            [
                "Guarding", "SMPProtocol", "Primitives", "WireFormat", "TLSTransport", "CLinux", nioCore, nioPosix,
                logging, grdb, deque,
            ]),
        library(
            "AgentLink",
            [
                "SMPClient", "SMPProtocol", "DoubleRatchet", "Primitives", "RateLimit", "TLSTransport", "WireFormat",
                "Database",
                nioCore, nioPosix, logging, collections, grdb,
            ]),
        library(
            "Engine",
            [
                "AgentLink", "ChatProtocol", "GroupCore", "TransferCore", "ChunkIO", "DirectLane", "Database",
                "Guarding",
                "RateLimit",
                "Primitives", "CLinux", "SMPProtocol", "TLSTransport", "TOML", "WireFormat", nioCore, nioPosix, logging,
                system,
                collections, grdb,
            ]),
        .executableTarget(
            name: "sxfile",
            dependencies: [
                "Engine", "SMPRelay", "SMPClient", "AgentLink", "ChatProtocol", "Database", "GroupCore", "Guarding",
                "Primitives", "QRCode",
                "SMPProtocol", "ChunkIO", "CLinux", "TLSTransport", "TOML", "TransferCore", nioCore, nioPosix, logging,
                system,
                arguments,
            ],
            swiftSettings: strict),

        tests("QRCodeTests", ["QRCode"]),
        tests("TOMLTests", ["TOML"]),
        tests("RateLimitTests", ["RateLimit"]),
        tests("WireFormatTests", ["WireFormat"]),
        tests("PrimitivesTests", ["Primitives", "CSalsa", "CSodium"]),
        tests("ChatProtocolTests", ["ChatProtocol", "WireFormat"]),
        tests("DoubleRatchetTests", ["DoubleRatchet", "Primitives", "WireFormat"]),
        tests("SMPProtocolTests", ["SMPProtocol", "Primitives", "WireFormat"]),
        tests("TransferCoreTests", ["TransferCore", "ChatProtocol", "Primitives"]),
        tests("GroupCoreTests", ["GroupCore", "ChatProtocol", "Primitives"]),
        tests("TLSTransportTests", ["TLSTransport", "Guarding", "Primitives", nioCore, nioPosix, nioEmbedded]),
        tests("ChunkIOTests", ["ChunkIO", "CLinux", "Guarding", "Primitives", "TransferCore", system]),
        tests("DirectLaneTests", ["DirectLane", "ChunkIO", "Guarding", "Primitives"]),
        tests("DatabaseTests", ["Database", grdb]),
        tests(
            "SMPClientTests",
            [
                "SMPClient", "SMPRelay", "SMPProtocol", "Guarding", "Primitives", "WireFormat", "TLSTransport", nioCore,
                nioPosix, logging,
            ]),
        tests(
            "SMPRelayTests",
            [
                "SMPRelay", "SMPClient", "SMPProtocol", "Guarding", "Primitives", "WireFormat", "TLSTransport", nioCore,
                nioPosix, logging,
            ]),
        tests(
            "AgentLinkTests",
            [
                "AgentLink", "SMPRelay", "SMPClient", "SMPProtocol", "DoubleRatchet", "Database", "Guarding",
                "Primitives", "WireFormat", nioCore, nioPosix, logging, grdb,
            ]),
        tests(
            "EngineTests",
            [
                "Engine", "AgentLink", "SMPRelay", "SMPProtocol", "ChatProtocol", "GroupCore", "TransferCore",
                "ChunkIO",
                "DirectLane",
                "Database",
                "Primitives", nioCore, nioPosix, logging, system, grdb,
            ]),
        // The program itself, in temporary homes.
        .target(name: "CConfinement", path: "Tests/CConfinement"),
        tests("CommandLineTests", ["CConfinement", "Guarding", grdb]),
    ]
)
