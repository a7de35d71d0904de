// swift-tools-version: 6.2
import PackageDescription

/// As in the package that is fuzzed: Swift 6 language mode, warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// `make fuzz` adds `-sanitize=fuzzer,address`, for the package that is fuzzed too.
let package = Package(
    name: "sxfile-fuzz",
    dependencies: [.package(name: "sxfile", path: "..")],
    targets: [
        .executableTarget(
            name: "Fuzz",
            dependencies: ["CFuzzer", .product(name: "Parsers", package: "sxfile")],
            swiftSettings: strict),
        // The entry of libFuzzer.
        .target(name: "CFuzzer"),
    ]
)
