// swift-tools-version: 6.2
import PackageDescription

/// As in the package that is measured: Swift 6 language mode, warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "sxfile-benchmarks",
    dependencies: [
        .package(name: "sxfile", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        // Without traits: its interposers count allocations, which nothing here asks for, and need packages of their own.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        // Functions: `swift package benchmark`.
        .executableTarget(
            name: "HotFunctions",
            dependencies: [
                .product(name: "HotPath", package: "sxfile"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "HotFunctions",
            swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),

        // Whole transfers, beside other tools: the program `transfers`.
        .executableTarget(
            name: "TransferBenchmark",
            dependencies: ["CBenchmark", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),
        .target(name: "CBenchmark"),
    ]
)
