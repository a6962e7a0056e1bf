/** A release and its images as search engines read them: schema.org, for Layout's JSON-LD. Pure. */
import type { ImageFacts } from '../../downloads/facts.ts'

export interface ReleaseAbout {
  /** With its version. */
  name: string
  version: string
  /** Who makes it. */
  vendor: string
  /** Its page. */
  url: string
  /** A day, RFC 3339. */
  released?: string | null | undefined
}

/** @param images of the release, the recommended one first; none where there is none yet */
export function releaseData(about: ReleaseAbout, images: ImageFacts[]): Record<string, unknown> {
  const { name, version, vendor, url, released } = about
  const [image] = images
  return {
    '@type': 'SoftwareApplication',
    name,
    url,
    applicationCategory: 'OperatingSystem',
    operatingSystem: name,
    softwareVersion: version,
    author: { '@type': 'Organization', name: vendor },
    isAccessibleForFree: true,
    offers: { '@type': 'Offer', price: 0, priceCurrency: 'EUR' },
    ...(released && { datePublished: released }),
    ...(image && {
      datePublished: released ?? image.date,
      processorRequirements: [...new Set(images.map(({ arch }) => arch))].join(', '),
      downloadUrl: image.download_url,
      fileSize: `${image.size_bytes} B`,
      associatedMedia: images.map(mediaOf),
    }),
  }
}

const mediaOf = (image: ImageFacts) => ({
  '@type': 'MediaObject',
  name: image.filename,
  contentUrl: image.download_url,
  contentSize: `${image.size_bytes} B`,
  encodingFormat: 'application/x-iso9660-image',
  sha256: image.sha256,
  uploadDate: image.made_at,
})
